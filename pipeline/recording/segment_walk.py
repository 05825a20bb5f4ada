"""Segments one after another, also of a recording that is written while it is read."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.recording.segments import segments_of


@dataclass(slots=True)
class OpenSegment:
    """A segment that is read.

    Attributes:
        path: it had when it was opened.
        stream: stands at `end`.
        end: byte behind what has been read, for whoever reads to move on.
    """

    path: Path
    stream: BinaryIO
    end: int


class SegmentWalk:
    """Goes from the oldest segment to the one that grows.

    Each time it looks anew what is there. A segment that grew while it was read, and was set aside
    since, is opened once more for the rest of it.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._segments = segments_of(folder)
        self._number = 0
        self._segment: OpenSegment | None = None
        self.missing: list[Path] = []
        """Segments that are gone between the last one and this."""

    def next(self) -> OpenSegment | None:
        """Open what follows; None at the end.

        Raises:
            OSError: It cannot be opened; the next call goes on behind it.
        """
        self.missing = []
        while True:
            listed = self._segments.numbered()
            last = max(listed, default=0)
            rest = self._rest(listed, last)
            if rest is not None:
                return rest
            number = min((n for n in listed if n > self._number), default=None)
            if number is None:
                return None
            try:
                stream = listed[number].open("rb")
            except OSError as error:
                if isinstance(error, FileNotFoundError) and self._is_other(listed):
                    continue  # removed, or set aside
                self._number = number
                raise
            if number == last and self._is_other(listed):
                stream.close()  # it was set aside in between, and this may be another
                continue
            if self._number:
                gone = range(self._number + 1, number)
                self.missing = [self._segments.path_of(each) for each in gone]
            self._number = number
            self._segment = OpenSegment(listed[number], stream, 0)
            return self._segment

    def _is_other(self, listed: dict[int, Path]) -> bool:
        return self._segments.numbered() != listed

    def _rest(self, listed: dict[int, Path], last: int) -> OpenSegment | None:
        """What was written to the segment that was just read, if nothing more can be now."""
        segment, self._segment = self._segment, None
        if segment is None or last <= self._number or self._number not in listed:
            return None
        try:
            stream = listed[self._number].open("rb")
        except OSError:
            return None
        if os.fstat(stream.fileno()).st_size <= segment.end:
            stream.close()
            return None
        stream.seek(segment.end)
        return OpenSegment(segment.path, stream, segment.end)
