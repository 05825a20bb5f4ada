"""Running pipelines on this machine, and how to find one to watch or steer."""

import fcntl
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from pipeline.errors import ConfigError

LOCK: Final = "lock"
"""Held by the supervisor for as long as it lives."""
ADVERT: Final = "run.json"


class RunAdvert(msgspec.Struct, frozen=True):
    """What a run's folder of sockets says about it."""

    out: str
    """Output folder, absolute."""
    pid: int
    """Of the supervisor."""


@dataclass(frozen=True, slots=True)
class RunningRun:
    """A pipeline that runs.

    Attributes:
        folder: of its sockets.
        out: its output folder.
        pid: of its supervisor.
    """

    folder: Path
    out: Path
    pid: int

    @property
    def telemetry(self) -> str:
        """Where snapshots come from."""
        return f"ipc://{self.folder / 'telemetry'}"

    @property
    def control(self) -> str:
        """Where commands go."""
        return f"ipc://{self.folder / 'control'}"

    @property
    def is_alive(self) -> bool:
        """Its supervisor lives."""
        return _is_held(self.folder / LOCK)


def folder_prefix() -> str:
    """How the names of this user's folders of sockets begin."""
    return f"dart-{os.getuid()}-"


def own_folders(root: Path, prefix: str) -> list[Path]:
    """Folders under `root` with such names that are really this user's: anybody can use a name."""
    return [folder for folder in root.glob(f"{prefix}*") if _is_own_folder(folder)]


def list_running(root: Path | None = None) -> list[RunningRun]:
    """Every run of this user on this machine, oldest first.

    Args:
        root: where folders of sockets are; None for the system's temporary folder.
    """
    root = Path(tempfile.gettempdir()) if root is None else root
    found = []
    for folder in own_folders(root, folder_prefix()):
        try:
            advert = msgspec.json.decode((folder / ADVERT).read_bytes(), type=RunAdvert)
            began_s = (folder / ADVERT).stat().st_mtime
        except (OSError, msgspec.DecodeError):
            continue  # not ready yet, or gone meanwhile
        run = RunningRun(folder, Path(advert.out), advert.pid)
        if run.is_alive:
            found.append((began_s, run))
    return [run for _, run in sorted(found, key=lambda each: each[0])]


def find_running(address: str | None, root: Path | None = None) -> RunningRun:
    """Find the run that is meant.

    Args:
        address: its output folder, that folder's name, or the number of its process; None where
            there is only one run.
        root: as in `list_running`.

    Raises:
        ConfigError: there is none, or there are several.
    """
    runs = list_running(root)
    if address is not None:
        runs_meant = [run for run in runs if _is_meant(run, address)]
        if not runs_meant:
            raise ConfigError(
                f"expected a running pipeline called {address!r}, found {_names(runs)}"
            )
        runs = runs_meant
    if not runs:
        raise ConfigError("expected a running pipeline, found none; `dart-stream run` starts one")
    if len(runs) > 1:
        raise ConfigError(f"expected one running pipeline, found {_names(runs)}; name one of them")
    return runs[0]


def _is_own_folder(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False  # gone meanwhile
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _is_meant(run: RunningRun, address: str) -> bool:
    return address in {str(run.pid), run.out.name} or Path(address).resolve() == run.out


def _names(runs: list[RunningRun]) -> str:
    return ", ".join(str(run.out) for run in runs) or "none"


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("r+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
