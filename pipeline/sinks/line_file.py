"""A file that grows by whole lines, whatever fails on the way."""

import contextlib
import os
import time
from pathlib import Path


class LineFile:
    """Appends; what cannot be written whole is taken back.

    What a sync failed to bring to the disk is written once more before the next: the system may
    have let go of it. It is the same bytes at the same place, so a death in between harms nothing.

    Args:
        path: Exists, and ends with a line end if it is not empty.

    Attributes:
        size: Bytes that the file has.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        self.size = os.lseek(self._descriptor, 0, os.SEEK_END)
        self._unsynced = bytearray()
        self._is_doubtful = False
        self._synced_at_s = 0.0

    def append(self, lines: bytes) -> None:
        """Write at the end.

        Raises:
            OSError: It could not be written; the file is as it was.
        """
        try:
            self._write(lines, self.size)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(lines)
        self._unsynced += lines

    def sync(self, *, at_least_s: float) -> None:
        """Bring everything to the disk, if the last time was so long ago.

        Raises:
            OSError: It did not get there.
        """
        now_s = time.monotonic()
        if now_s - self._synced_at_s < at_least_s:
            return
        try:
            if self._is_doubtful:
                self._write(self._unsynced, self.size - len(self._unsynced))
            os.fsync(self._descriptor)
        except OSError:
            self._is_doubtful = True
            raise
        self._unsynced.clear()
        self._is_doubtful = False
        self._synced_at_s = now_s

    def close(self) -> None:
        """Nothing follows."""
        os.close(self._descriptor)

    def _write(self, data: bytes | bytearray, offset: int) -> None:
        done = 0
        while done < len(data):
            done += os.pwrite(self._descriptor, data[done:], offset + done)
