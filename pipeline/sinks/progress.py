"""How far each source has come, by what its lines say."""

from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.messages import Count, Number
from pipeline.sinks.base import STOPPED, Key, Record, key_of

MaybeFrame = Annotated[int, Meta(ge=-1, le=1 << 61)]


@dataclass(slots=True)
class Progress:
    """How far one source had come when a run broke off: of its last session, if it had several."""

    frame: MaybeFrame = -1
    """Last frame of which every region is known to be written."""
    pts_s: Number = 0.0
    frames: Count = 0
    """Frames up to and including `frame`."""
    regions: Count = 0
    """Regions of those frames."""
    segment: Count = 0
    """Of the last line."""
    newest: MaybeFrame = -1
    """Highest frame of which any region is written."""
    newest_pts_s: Number = 0.0
    """Of that frame."""
    end: Record | None = None
    """Its end record, if it was written."""
    earlier: list["Progress"] = field(default_factory=list)
    """The sessions before, each with its end."""

    def taken_apart(self) -> list["Progress"]:
        """This session and those before it, one by one."""
        earlier, self.earlier = self.earlier, []
        return [*earlier, self]


class Scan(msgspec.Struct, forbid_unknown_fields=True):
    """What lines hold together, however many there were: taken one by one, in order.

    The last frame of a source may lack regions, so the one before it counts as its last whole one;
    a sink drops what it already holds of the frame that is done again.
    """

    sources: dict[str, Progress] = {}
    keys: dict[str, Key] = {}
    """Where the last line of each source stands."""
    newest: dict[str, tuple[MaybeFrame, Number, Count]] = {}
    """Of each source the frame that may lack regions, its time, and how many regions it has."""
    results: dict[str, Count] = {}
    """How many there are of each source."""

    def take(self, record: Record) -> None:
        """Take the next line."""
        source = record["source"]
        self.keys[source] = key_of(record)
        whole = self.sources.setdefault(source, Progress())
        if whole.end is not None:
            self.newest.pop(source, None)
            whole = self.sources[source] = Progress(earlier=whole.taken_apart())
        if "event" in record:
            whole.end = record
            return
        self.results[source] = self.results.get(source, 0) + 1
        frame, pts_s, regions = self.newest.get(source, (-1, 0.0, 0))
        if record["frame"] != frame and frame >= 0:
            whole.frame, whole.pts_s = frame, pts_s
            whole.frames += 1
            whole.regions += regions
            regions = 0
        self.newest[source] = (record["frame"], record["pts_s"], regions + 1)
        whole.newest, whole.newest_pts_s = record["frame"], record["pts_s"]
        whole.segment = record.get("segment", 0)

    def ends(self) -> list[Record]:
        """End records of all sessions."""
        each = [one for last in self.sources.values() for one in [*last.earlier, last]]
        return [one.end for one in each if one.end is not None]

    @property
    def is_stopped(self) -> bool:
        """An interrupt has ended a source: whoever goes on takes that back."""
        ends = (last.end for last in self.sources.values())
        return any(end is not None and end["reason"] == STOPPED for end in ends)
