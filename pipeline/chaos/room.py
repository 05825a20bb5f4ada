"""No room: a small file system is really filled; on a large one a process is denied to write."""

import contextlib
import errno
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

MAX_FILLED_BYTES: Final = 1 << 30
"""A larger file system is not filled: it is somebody's, and it would take long."""
_PIECES: Final = (1 << 24, 1 << 20, 1 << 16, 1 << 12)
_REFILL_S: Final = 0.1


def size_of(folder: Path) -> int:
    """Bytes of the file system that a folder is on."""
    stat = os.statvfs(folder)
    return stat.f_blocks * stat.f_frsize


def can_be_filled(folder: Path) -> bool:
    """It is small enough."""
    return size_of(folder) <= MAX_FILLED_BYTES


def fill(folder: Path, seconds: float, wait: Callable[[float], None]) -> int:
    """Leave no block of a file system free for so long; what is freed meanwhile is taken too.

    Args:
        folder: On that file system.
        seconds: How long.
        wait: Lets time pass.

    Returns:
        Bytes that were taken.
    """
    path = folder / f".chaos-{os.getpid()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    taken, passed_s = 0, 0.0
    try:
        while passed_s < seconds:
            taken = _take_all(descriptor, taken)
            wait(min(_REFILL_S, seconds - passed_s))
            passed_s += _REFILL_S
    finally:
        path.unlink()
        os.close(descriptor)
    return taken


def _take_all(descriptor: int, taken: int) -> int:
    for piece in _PIECES:
        while True:
            try:
                os.posix_fallocate(descriptor, taken, piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                break
            taken += piece
    return taken


@contextlib.contextmanager
def denied_to_write(list_pids: Callable[[], list[int]]) -> Iterator[None]:
    """No file that these processes write can grow (EFBIG), nor that of children they start.

    Args:
        list_pids: Asked again at the end, since a child inherits the limit of its parent.
    """
    for pid in list_pids():
        _limit(pid, 0)
    try:
        yield
    finally:
        for pid in list_pids():
            _limit(pid, None)


def _limit(pid: int, num_bytes: int | None) -> None:
    """Set the soft limit; None puts it back to the hard one."""
    with contextlib.suppress(ProcessLookupError):
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        soft = hard if num_bytes is None else num_bytes
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
