"""Lines of `results.jsonl`, read again: whole ones only, and none that is damaged."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from pipeline.errors import ConfigError
from pipeline.messages import Count, FrameNumber, Number, Seconds
from pipeline.results import PART_EVENT
from pipeline.sinks.base import END_EVENT, Record

MAX_LINE_BYTES: Final = 1 << 20
_HEAD: Final = f'{{"event":"{PART_EVENT}",'.encode()


class _Counts(msgspec.Struct, frozen=True):
    """Of an end record; they balance."""

    captured: Count
    processed: Count
    dropped: dict[str, Count]
    skipped: Count
    corrupt: Count
    in_flight: Count = 0


class _Link(msgspec.Struct, frozen=True):
    """Of an end record of a live source."""

    reconnects: Count
    gaps: Count
    gap_s: Seconds
    longest_gap_s: Seconds
    clock_jumps: Count


class _Line(msgspec.Struct, frozen=True):
    """What must be readable in a line; the rest of it is nobody's business here."""

    source: str
    event: str | None = None
    frame: FrameNumber | None = None
    region: Count | None = None
    pts_s: Number | None = None
    segment: Count = 0
    reason: str | None = None
    frames: _Counts | None = None
    link: _Link | None = None
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


def read_records(path: Path, offset: int) -> Iterator[Record]:
    """The whole records from a byte offset that begins a line; a partial last line is left out.

    Raises:
        ConfigError: A line is damaged.
    """
    with path.open("rb") as stream:
        stream.seek(_line_start(stream, offset))
        for line in whole_lines(stream, path):
            if not is_head(line):
                yield decode_line(line, path)


def is_head(line: bytes) -> bool:
    """Whether it is the line with which a later part begins: no record, see `result_parts`."""
    return line.startswith(_HEAD)


def whole_lines(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """Lines from where the stream stands; a partial last one is left out.

    Raises:
        ConfigError: One is longer than any of ours.
    """
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise ConfigError(
                f"{path}: expected lines of at most {MAX_LINE_BYTES} bytes, got a longer one"
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
