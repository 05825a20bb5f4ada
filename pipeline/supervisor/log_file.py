"""A file of lines that does not grow for ever, on a disk that may be full."""

import contextlib
import os
import shutil
from pathlib import Path


class LogFile:
    """Appends lines; what is older than half of the limit moves to `NAME.1`.

    The file is copied there and emptied, never renamed: whoever holds a lock on it, or reads along,
    keeps it.

    Args:
        path: Where; what is there stays.
        max_bytes: Of both files, about; None is no limit.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path, max_bytes: int | None = None) -> None:
        self._path = path
        self._half = None if max_bytes is None else max_bytes // 2
        self._due = self._half
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)
        self._size = os.fstat(self._descriptor).st_size

    def write(self, line: str) -> None:
        """Append a line.

        Raises:
            OSError: There was no room for it; none of it is in the file.
        """
        if self._due is not None and self._size >= self._due:
            self._move_aside()
        view = memoryview((line + "\n").encode("utf-8", "replace"))
        size = self._size + len(view)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size = size

    def close(self) -> None:
        """No line follows."""
        os.close(self._descriptor)

    def _move_aside(self) -> None:
        """Copy and empty; where there is no room for the copy, try again a good while later."""
        assert self._half is not None, "without a limit nothing is due"
        older = self._path.with_name(f"{self._path.name}.1")
        try:
            older.unlink(missing_ok=True)
            shutil.copyfile(self._path, older)
            os.ftruncate(self._descriptor, 0)
        except OSError:
            self._due = self._size + self._half // 8
            with contextlib.suppress(OSError):
                older.unlink(missing_ok=True)
            return
        self._size, self._due = 0, self._half
