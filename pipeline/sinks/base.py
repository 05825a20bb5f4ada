"""What a sink is: a place where results end up."""

import errno
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

Record = dict[str, Any]
"""A line of `results.jsonl`: a region's result, or `{"event": "end_of_stream", ...}`.

A sink that draws gets one for each frame instead: `{"event": "frame", source, frame, pts_s,
"picture": [reader, slot], "regions": [results]}`.
"""

END_EVENT: Final = "end_of_stream"
STOPPED: Final = "stopped"
"""Reason of an end that an interrupt caused."""
FRAME_EVENT: Final = "frame"

Key = tuple[int, int]
"""Frame and region number within a source; orders its records."""

END_KEY: Final[Key] = (2**62, 0)
"""Key of an end record that names no number: runs up to version 0.1 wrote such."""

UNKNOWN_OFFSET: Final = -1
"""To `open` of a sink that draws: an earlier run was given frames, nobody knows how many."""


def key_of(record: Record) -> Key:
    """Where a record stands within its source."""
    if "event" not in record:
        return record["frame"], record["region"]
    if record["event"] == END_EVENT:
        end_frame = record.get("end_frame")
        return END_KEY if end_frame is None else (end_frame, 0)
    return record["frame"], 0


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """What a sink may want to know of the network behind the records."""

    num_exits: int
    full_macs: int
    """Multiply-accumulates of one region at full depth."""


class NoRoomError(Exception):
    """What a sink was told to write or flush found no room; it may be told again, and again.

    Nothing of it was kept, so that the next attempt doubles nothing. Until then the hub is told why
    it waits, which is all that the message is for.
    """


_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_no_room(error: OSError) -> bool:
    """The disk, the user's share of it, or the file is full."""
    return error.errno in _NO_ROOM


class Sink(ABC):
    """Receives records in order: within a source by frame and region, its end record last.

    A sink of one's own subclasses this and is named in the configuration by import path. It runs in
    a process of its own; an exception restarts it, and every record that was not flushed comes
    again. A sink that can tell what it already holds returns it from `open` and so gets every
    record exactly once; one that cannot returns nothing and may see a record twice.
    """

    draws: ClassVar[bool] = False
    """It takes frames out of shared memory, and says after each message what it has taken."""

    def __init__(self, out: Path, options: dict[str, Any]) -> None:
        self.out = out
        self.options = options
        self.network: Network | None = None
        """Set before `open` in a run."""
        self.frames_folder: Path | None = None
        """Holds the rings of whole frames, for a sink that draws."""
        self.lost = 0
        """Frames that this incarnation found missing in what it wrote, or could not take."""
        self.trouble: str | None = None
        """Why what it is given is lost at the moment, for a person; None if all is well."""

    def open(self, offset: int) -> dict[str, Key]:  # noqa: ARG002  # for sinks that remember
        """Begin; returns the last key held per source, looking no further back than `offset`."""
        return {}

    @abstractmethod
    def write(self, records: Sequence[Record]) -> None:
        """Take records.

        Raises:
            NoRoomError: Later, perhaps; the same records come again until they are taken.
        """

    def flush(self) -> int:
        """Make what was written survive the death of this process; returns the next `offset`.

        Raises:
            NoRoomError: Later, perhaps; it is asked again.
        """
        return 0

    def close(self) -> None:  # noqa: B027  # many sinks hold nothing open
        """No record follows, at the end or because `write` or `flush` failed."""
