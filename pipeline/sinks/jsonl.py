"""`results.jsonl`: one JSON object a line, each region exactly once, whatever is killed."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from pipeline.errors import ConfigError
from pipeline.messages import Count, FrameNumber, Number
from pipeline.sinks.base import (
    END_EVENT,
    Key,
    NoRoomError,
    Record,
    Sink,
    is_no_room,
    key_of,
)
from pipeline.sinks.line_file import LineFile

_MAX_LINE_BYTES = 1 << 20
_SYNC_INTERVAL_S = 1.0
"""A power cut may cost this much; a killed process costs nothing."""


class JsonlSink(Sink):
    """Appends lines; on opening cuts a half-written last line and reports what the file holds.

    A disk that is full makes it wait, and the hub with it: no line is ever lost.
    """

    def __init__(self, out: Path, options: dict[str, Any]) -> None:
        super().__init__(out, options)
        self.path = out / str(options.get("file", "results.jsonl"))
        self._encoder = msgspec.json.Encoder()
        self._file: LineFile | None = None

    def open(self, offset: int) -> dict[str, Key]:
        """Cut the partial last line, if any, and find the last key of each source."""
        self.path.touch()
        cut_partial_line(self.path)
        last: dict[str, Key] = {}
        for record in read_records(self.path, offset):
            last[record["source"]] = key_of(record)
        self._file = LineFile(self.path)
        return last

    def write(self, records: Sequence[Record]) -> None:
        """Append one line a record: all of them or none."""
        assert self._file is not None, "write before open"
        with self._waiting_for_room():
            self._file.append(b"".join(self._encoder.encode(record) + b"\n" for record in records))

    def flush(self) -> int:
        """The operating system has the lines; the disk gets them once a second."""
        assert self._file is not None, "flush before open"
        with self._waiting_for_room():
            self._file.sync(at_least_s=_SYNC_INTERVAL_S)
        return self._file.size

    def close(self) -> None:
        """Everything reaches the disk."""
        if self._file is not None:
            with self._waiting_for_room():
                self._file.sync(at_least_s=0.0)
            self._file.close()
            self._file = None

    @contextlib.contextmanager
    def _waiting_for_room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if is_no_room(error):
                raise NoRoomError(
                    f"{self.path.name}: {error.strerror}; results wait until there is room"
                ) from error
            raise


class _Counts(msgspec.Struct, frozen=True):
    """Of an end record; they balance."""

    captured: Count
    processed: Count
    dropped: dict[str, Count]
    skipped: Count
    corrupt: Count
    in_flight: Count = 0


class _Line(msgspec.Struct, frozen=True):
    """What must be readable in a line; the rest of it is nobody's business here."""

    source: str
    event: str | None = None
    frame: FrameNumber | None = None
    region: Count | None = None
    pts_s: Number | None = None
    reason: str | None = None
    frames: _Counts | None = None
    session: Count = 1
    first_frame: FrameNumber = 0
    end_frame: FrameNumber | None = None
    label: str | None = None
    zone: str | None = None
    track: int | None = None

    def require_whole(self) -> None:
        """Refuse a line that lacks something, or whose numbers cannot be.

        Raises:
            ValueError: So it is.
        """
        if self.event is None:
            if self.frame is None or self.region is None or self.pts_s is None:
                raise ValueError("expected frame, region and pts_s")
            return
        counts = self.frames
        if self.event != END_EVENT or self.reason is None or counts is None:
            raise ValueError(f"expected an {END_EVENT} with reason and frames")
        known = counts.processed + sum(counts.dropped.values()) + counts.in_flight
        if counts.captured != known:
            raise ValueError(f"captured {counts.captured}, accounted for {known}")


_LINE: Final = msgspec.json.Decoder(_Line)
_RECORD: Final = msgspec.json.Decoder(dict[str, Any])


@dataclass(slots=True)
class Progress:
    """How far one source had come when a run broke off: of its last session, if it had several."""

    frame: int = -1
    """Last frame of which every region is known to be written."""
    pts_s: float = 0.0
    frames: int = 0
    """Frames up to and including `frame`."""
    regions: int = 0
    """Regions of those frames."""
    segment: int = 0
    """Of the last line."""
    newest: int = -1
    """Highest frame of which any region is written."""
    newest_pts_s: float = 0.0
    """Of that frame."""
    end: Record | None = None
    """Its end record, if it was written."""
    earlier: list["Progress"] = field(default_factory=list)
    """The sessions before, each with its end."""

    def taken_apart(self) -> list["Progress"]:
        """This session and those before it, one by one."""
        earlier, self.earlier = self.earlier, []
        return [*earlier, self]


def scan_progress(path: Path) -> dict[str, Progress]:
    """Read an unfinished `results.jsonl` for `run --resume`.

    The last frame of a source may lack regions, so the one before it counts as the last whole one;
    the sink drops what it already holds of the frame that is done again.
    """
    last: dict[str, tuple[int, float, int]] = {}
    progress: dict[str, Progress] = {}
    for record in read_records(path, 0):
        source = record["source"]
        whole = progress.setdefault(source, Progress())
        if whole.end is not None:
            last.pop(source, None)
            whole = progress[source] = Progress(earlier=whole.taken_apart())
        if "event" in record:
            whole.end = record
            continue
        frame, pts_s, regions = last.get(source, (-1, 0.0, 0))
        if record["frame"] != frame and frame >= 0:
            whole.frame, whole.pts_s = frame, pts_s
            whole.frames += 1
            whole.regions += regions
            regions = 0
        last[source] = (record["frame"], record["pts_s"], regions + 1)
        whole.newest, whole.newest_pts_s = record["frame"], record["pts_s"]
        whole.segment = record.get("segment", 0)
    return progress


def read_records(path: Path, offset: int) -> Iterator[Record]:
    """The whole records from a byte offset that begins a line; a partial last line is left out.

    Raises:
        ConfigError: A line is damaged.
    """
    with path.open("rb") as stream:
        stream.seek(_line_start(stream, offset))
        for line in whole_lines(stream, path):
            yield decode_line(line, path)


def whole_lines(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """Lines from where the stream stands; a partial last one is left out.

    Raises:
        ConfigError: One is longer than any of ours.
    """
    while line := stream.readline(_MAX_LINE_BYTES + 1):
        if len(line) > _MAX_LINE_BYTES:
            raise ConfigError(
                f"{path}: expected lines of at most {_MAX_LINE_BYTES} bytes, got a longer one"
            )
        if not line.endswith(b"\n"):
            return
        yield line


def decode_line(line: bytes, path: Path) -> Record:
    """One line, with all that is needed to go on behind it.

    Raises:
        ConfigError: It is damaged.
    """
    try:
        _LINE.decode(line).require_whole()
        return _RECORD.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path}: expected one JSON object a line, got {line[:40]!r} ({error}); remove "
            "that line and what follows it to go on from there"
        ) from error


def _line_start(stream: BinaryIO, offset: int) -> int:
    """The offset, if a line begins there; else 0: to look at too much harms nobody."""
    if offset <= 0:
        return 0
    stream.seek(offset - 1)
    return offset if stream.read(1) == b"\n" else 0


def cut_partial_line(path: Path) -> None:
    """Remove what follows the last line end."""
    with path.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            begin = max(0, end - 65_536)
            stream.seek(begin)
            newline = stream.read(end - begin).rfind(b"\n")
            if newline >= 0:
                stream.truncate(begin + newline + 1)
                return
            end = begin
        stream.truncate(0)
