"""How far each source has come, by what its lines say."""

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.sinks.base import Record
from pipeline.sinks.result_lines import read_records


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
