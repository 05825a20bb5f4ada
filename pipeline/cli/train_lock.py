"""One training at a time writes to a folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from dart_stream.errors import ModelError

LOCK = "lock"


@contextlib.contextmanager
def training_lock(folder: Path) -> Iterator[None]:
    """Hold a training's folder; the system lets go of it even after a kill -9.

    Raises:
        ModelError: another training writes to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ModelError(
            f"--out: another training writes to {folder.parent}; "
            "wait for its end, or give another folder"
        ) from error
    finally:
        os.close(descriptor)
