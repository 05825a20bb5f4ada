"""From the files of a recording to its records, as far as they can be read."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import msgpack
import msgspec

from pipeline.errors import ConfigError, UserError
from pipeline.recording.record_check import check_record
from pipeline.recording.segment_walk import OpenSegment, SegmentWalk
from pipeline.recording.segments import TELEMETRY, segments_of
from pipeline.snapshot import Snapshot, require_sound

Record = dict[str, Any]
"""Has `kind` and `time_s` (Unix time) at least, and what `record_check` asks of its kind."""

_MAX_RECORD_BYTES: Final = 80 << 20
"""The state of an adapter may take 64 MB; more is damage that looks like a length."""


_MAX_ITEMS: Final = 1 << 20
"""Of one list or map."""
_NOTHING_MORE: Final = 1 << 62


class DamagedError(UserError):
    """A segment cannot be read behind some byte."""


class CutError(DamagedError):
    """The last record of a segment is not whole: its writer was killed."""


class RecordedRun:
    """The recording of a run, read record by record; memory does not grow with its length.

    Args:
        folder: Of the run, which may still be going on.

    Attributes:
        paths: Of its segments, as they were found.
        complaints: What could not be read, a line each; grows while records are taken.
        bytes_read: So far, for progress.

    Raises:
        ConfigError: The folder holds no recording.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.paths = segments_of(folder).paths()
        if not self.paths:
            raise ConfigError(
                f"expected the folder of a run, {folder} holds no {TELEMETRY}; "
                "`run --out` names such a folder"
            )
        self.complaints: list[str] = []
        self._cut: str | None = None
        self.bytes_read = 0

    @property
    def size_bytes(self) -> int:
        """Of all segments."""
        return sum(path.stat().st_size for path in self.paths if path.exists())

    def records(self) -> Iterator[Record]:
        """Yield every record in order; behind damage, what follows is the next segment."""
        walk, is_over = SegmentWalk(self._folder), False
        while not is_over:
            try:
                is_over = yield from self._next_segment(walk)
            except OSError as error:
                self.complaints.append(f"{error.filename}: {error.strerror}")

    def _next_segment(self, walk: SegmentWalk) -> Generator[Record, None, bool]:
        """Yield its records; returns whether there is none."""
        segment = walk.next()
        if segment is None or segment.end == 0:
            self._say_cut()
        if segment is None:
            return True
        self._cut = None
        self.complaints += [f"{path}: is not there any more" for path in walk.missing]
        before = self.bytes_read - segment.end
        try:
            with segment.stream:
                for record, end in _records(segment):
                    segment.end = end
                    self.bytes_read = before + end
                    yield record
        except CutError as error:
            self._cut = str(error)  # unless the rest is being written
        except DamagedError as error:
            self.complaints.append(str(error))
            segment.end = _NOTHING_MORE
        return False

    def _say_cut(self) -> None:
        if self._cut is not None:
            self.complaints.append(self._cut)
        self._cut = None

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield the states of the run in order; the log, a file of its own, is not in them."""
        refused = 0
        for record in self.records():
            if record["kind"] == "snapshot":
                snapshot = to_snapshot(record)
                if snapshot is not None:
                    yield snapshot
                refused += snapshot is None
        if refused:
            self.complaints.append(f"{refused} snapshots are of another version and were left out")


def read_segment(path: Path) -> Iterator[Record]:
    """Yield the records of one segment.

    Raises:
        DamagedError: It cannot be read any further.
    """
    with path.open("rb") as stream:
        for record, _ in _records(OpenSegment(path, stream, 0)):
            yield record


def whole_bytes(path: Path) -> int:
    """Where the last whole record of a segment ends.

    Raises:
        DamagedError: It is damaged before its end.
    """
    end = 0
    with path.open("rb") as stream:
        try:
            for _, behind in _records(OpenSegment(path, stream, 0)):
                end = behind
        except CutError:
            return end
    return end


def to_snapshot(record: Record) -> Snapshot | None:
    """The state of the run in a record of kind `snapshot`; None if another version wrote it."""
    body = record.get("snapshot")
    if not isinstance(body, dict):
        return None
    try:
        snapshot = msgspec.convert({"log": [], **body}, Snapshot)
        require_sound(snapshot)
    except (ValueError, msgspec.ValidationError):
        return None
    return snapshot


def _records(segment: OpenSegment) -> Iterator[tuple[Record, int]]:
    """Records from where the stream stands, and the byte behind each."""
    begin = end = segment.end
    unpacker = msgpack.Unpacker(
        segment.stream,
        raw=False,
        max_buffer_size=_MAX_RECORD_BYTES,
        max_array_len=_MAX_ITEMS,
        max_map_len=_MAX_ITEMS,
    )
    try:
        for record in unpacker:
            check_record(record)
            end = begin + unpacker.tell()
            yield record, end
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise DamagedError(f"{segment.path}: damaged behind byte {end:,}: {error}") from error
    left = segment.stream.tell() - end
    if left:
        raise CutError(f"{segment.path}: the last {left:,} bytes are no whole record")
