"""Figures of one stream: windows, detection, false alarms, return to clean cost."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.adaptation import Alarm
from pipeline.bench.shift.played import Played
from pipeline.bench.shift.segments import Segment

GRACE: Final = 500
"""Regions after a change in which nothing is promised."""
HORIZON: Final = 1000
"""Regions of a clean segment after which an alarm can no more be about the change before it."""
BACK_WITHIN: Final = 0.03
"""Of clean cost, relative: this near counts as back."""
_BACK_WINDOW: Final = 500
_BACK_STEP: Final = 50


def settled(segment: Segment) -> slice:
    """Regions of a segment after its grace; the first has none."""
    return slice(segment.begin + (GRACE if segment.changes else 0), segment.end)


def window_means(
    differs: NDArray[np.bool_], segments: Sequence[Segment], window: int
) -> NDArray[np.float64]:
    """Disagreement of every disjoint window that lies in one segment, after its grace."""
    means: list[float] = []
    for segment in segments:
        part = differs[settled(segment)]
        whole = len(part) // window
        means += part[: whole * window].reshape(whole, window).mean(axis=1).tolist()
    return np.array(means)


def detection_delays(alarms: Sequence[Alarm], segments: Sequence[Segment]) -> list[int | None]:
    """For each change, regions until the first alarm before the next change, or None."""
    changes = [segment.begin for segment in segments if segment.changes]
    ends = [*changes[1:], segments[-1].end] if changes else []
    found: list[int | None] = []
    for begin, end in zip(changes, ends, strict=True):
        after = [alarm.at - begin for alarm in alarms if begin <= alarm.at < end]
        found.append(min(after) if after else None)
    return found


def false_alarm_ranges(segments: Sequence[Segment]) -> list[range]:
    """Regions where the world has been clean for so long that an alarm is false."""
    return [
        range(segment.begin + (HORIZON if segment.changes else 0), segment.end)
        for segment in segments
        if segment.is_clean and (segment.count > HORIZON or not segment.changes)
    ]


def overhead(played: Played, segments: Sequence[Segment]) -> float:
    """Mean cost of audits and bursts, as a share of full depth.

    An audit costs what it runs beyond the exit that its region would have had; a region of a burst
    what it runs beyond the mean of its segment's regions outside of bursts, or beyond nothing
    where there are none.
    """
    total = 0.0
    for segment in segments:
        part = slice(segment.begin, segment.end)
        burst, deployed = played.burst[part], played.deployed[part]
        usual = float(deployed[~burst].mean()) if not burst.all() else 0.0
        without = np.where(burst, usual, deployed)
        total += float((played.charged[part] - without).sum())
    return total / len(played.full)


def clean_cost(deployed: NDArray[np.float64], segments: Sequence[Segment]) -> float | None:
    """Cost without audits in the later half of a first segment that is clean, else None."""
    first = segments[0]
    if not first.is_clean:
        return None
    return float(deployed[first.begin + first.count // 2 : first.end].mean())


def returns(deployed: NDArray[np.float64], segments: Sequence[Segment]) -> list[int | None]:
    """For each clean segment after a change, regions until its cost is back; None if it is not.

    Back means: from there on, the mean of 500 regions is within 3 % of the clean cost.
    """
    wanted = clean_cost(deployed, segments)
    return [
        None if wanted is None else _back(deployed[s.begin : s.end], wanted)
        for s in segments
        if s.is_clean and s.changes
    ]


def _back(deployed: NDArray[np.float64], wanted: float) -> int | None:
    if len(deployed) < _BACK_WINDOW:
        return None
    total = np.concatenate([[0.0], np.cumsum(deployed)])
    begins = np.arange(0, len(deployed) - _BACK_WINDOW + 1, _BACK_STEP)
    means = (total[begins + _BACK_WINDOW] - total[begins]) / _BACK_WINDOW
    near = np.flatnonzero(means <= wanted * (1 + BACK_WITHIN))
    return int(begins[near[0]]) if len(near) else None
