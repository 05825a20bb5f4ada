"""The folder of a run's sockets: private, locked while it lives, swept when its owner is dead."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import msgspec

from pipeline.errors import ConfigError
from pipeline.running import ADVERT, LOCK, RunAdvert, folder_prefix, own_folders

_SHARED = Path("/dev/shm")  # noqa: S108  # the kernel's own place
_MAX_ROOT_BYTES = 70
"""The system allows 107 bytes for a socket's path; ours add a folder and a name."""


class RunFolder:
    """A locked folder with mode 0700 under the system's temporary folder."""

    def __init__(self, root: Path | None = None) -> None:
        root = Path(tempfile.gettempdir()) if root is None else root
        if len(os.fsencode(root)) > _MAX_ROOT_BYTES:
            raise ConfigError(
                f"temporary folder: a socket's path allows {_MAX_ROOT_BYTES} bytes, "
                f"{root} is longer; set TMPDIR to a shorter one"
            )
        prefix = folder_prefix()
        sweep(root, prefix)
        # Locked before it gets the name that a sweep looks for.
        new = Path(tempfile.mkdtemp(prefix=f".{prefix}", dir=root))
        self._lock = (new / LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = new.rename(root / new.name.removeprefix("."))

    def endpoint(self, name: str) -> str:
        """A socket's address in this folder."""
        return f"ipc://{self.path / name}"

    def advertise(self, out: Path) -> None:
        """Say whose sockets these are, for whoever looks for a running run."""
        advert = RunAdvert(out=str(out.resolve()), pid=os.getpid())
        partial = self.path / f".{ADVERT}"
        partial.write_bytes(msgspec.json.encode(advert))
        partial.rename(self.path / ADVERT)

    def close(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def frames_folder(root: Path = _SHARED) -> RunFolder:
    """A folder in shared memory for whole frames, on their way to sinks that draw.

    Raises:
        ConfigError: There is no shared memory that can be written.
    """
    try:
        return RunFolder(root)
    except OSError as error:
        raise ConfigError(
            f"sinks: a sink that draws needs shared memory, {root} cannot be written: "
            f"{error.strerror}; mount a tmpfs there or leave that sink out"
        ) from error


def sweep(root: Path, prefix: str) -> list[Path]:
    """Remove folders whose owner is dead, which is when their lock can be taken."""
    swept = []
    for folder in own_folders(root, prefix):
        try:
            with (folder / LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                swept.append(folder)
        except OSError:
            continue  # alive, another user's, or gone meanwhile
    return swept
