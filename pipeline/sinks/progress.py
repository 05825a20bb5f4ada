"""How far each source has come, by what its lines say."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any

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
    newest_regions: Count = 0
    """Regions of that frame; while lines may follow, it may lack some."""
    end: Record | None = None
    """Its end record, if it was written."""
    before: "Progress | None" = None
    """The sessions before it as one, all of them over."""

    def with_before(self) -> "Progress":
        """This session, which is over, and those before it as one."""
        before, end = self.before, self.end
        if before is None or before.end is None or end is None:
            return self
        return Progress(
            frame=max(self.frame, before.frame),
            pts_s=max(self.pts_s, before.pts_s),
            frames=self.frames + before.frames,
            regions=self.regions + before.regions,
            segment=max(self.segment, before.segment),
            newest=max(self.newest, before.newest),
            newest_pts_s=max(self.newest_pts_s, before.newest_pts_s),
            newest_regions=self.newest_regions,
            end=end | {"frames": _summed(end["frames"], before.end["frames"])},
        )


def _summed(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two accounts of end records as one."""
    dropped = dict(Counter(one["dropped"]) + Counter(other["dropped"]))
    names = one.keys() & other.keys() - {"dropped"}
    return {name: one[name] + other[name] for name in sorted(names)} | {"dropped": dropped}


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
            whole = self.sources[source] = Progress(before=whole.with_before())
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
        whole.newest_regions = regions + 1
        whole.segment = record.get("segment", 0)

    def ends(self) -> list[Record]:
        """End records of all sessions, those before the last of each source as one."""
        each = [one for last in self.sources.values() for one in (last.before, last)]
        return [one.end for one in each if one is not None and one.end is not None]

    @property
    def is_stopped(self) -> bool:
        """An interrupt has ended a source: whoever goes on takes that back."""
        ends = (last.end for last in self.sources.values())
        return any(end is not None and end["reason"] == STOPPED for end in ends)
