"""The file behind a video, between FFmpeg and a disk that may be full."""

import os
from pathlib import Path


class VideoBytes:
    """Takes what FFmpeg writes, and never fails towards it.

    A muxer that was told of a full disk cannot be closed any more, and one that is used all the
    same takes the process with it. So the first error is kept here, what comes behind it is
    swallowed, and whoever writes the video looks for `failure`.

    Args:
        path: Is made or emptied.

    Attributes:
        size: Bytes of the file.
        failure: The first error.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)
        self._position = 0
        self.size = 0
        self.failure: OSError | None = None

    def write(self, data: bytes) -> int:
        """All of it, or so it seems."""
        if self.failure is None:
            try:
                self._write(data)
            except OSError as error:
                self.failure = error
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; returns it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._position

    def close(self) -> None:
        """Nothing follows."""
        os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        done = 0
        while done < len(data):
            done += os.pwrite(self._descriptor, data[done:], self._position + done)
            self.size = max(self.size, self._position + done)
