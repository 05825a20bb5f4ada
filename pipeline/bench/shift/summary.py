"""From streams played to one row: sums over seeds, so that no stream has to be kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.bench.shift.document import (
    AlarmRow,
    MethodRow,
    Released,
    SegmentRow,
    Windows,
)
from pipeline.bench.shift.measures import (
    detection_delays,
    false_alarm_ranges,
    overhead,
    returns,
    settled,
    window_means,
)
from pipeline.bench.shift.played import Played
from pipeline.bench.shift.segments import Segment
from pipeline.bench.shift.series import SeriesSum

_ENOUGH: Final = 100
"""Regions of a class that its disagreement is judged from."""


@dataclass(slots=True, eq=False)
class _SegmentSum:
    """One segment over seeds: a list entry a seed."""

    accuracy: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)
    differs: list[float] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)
    charged: list[float] = field(default_factory=list)
    deployed: list[float] = field(default_factory=list)
    class_regions: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    class_differs: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


class Summary:
    """One method over the streams of all seeds.

    Args:
        name: of the method.
        segments: of every stream.
        epsilon: limit on disagreement.
        window: regions.
        classes: how many.
    """

    def __init__(
        self, name: str, segments: Sequence[Segment], *, epsilon: float, window: int, classes: int
    ) -> None:
        self._name, self._segments = name, segments
        self._epsilon, self._window, self._classes = epsilon, window, classes
        self._sums = [_SegmentSum() for _ in segments]
        self._series = SeriesSum(segments[-1].end)
        self._windows: list[float] = []
        self._delays: list[list[int | None]] = []
        self._returns: list[list[int | None]] = []
        self._false, self._alarm_counts = 0, list[int]()
        self._alarms: list[AlarmRow] | None = None
        self._overhead: list[float] = []
        self._update_s: float | None = None
        self._rates: list[list[float]] = []
        self._at: list[int] = []

    def add(self, played: Played, rates: Sequence[float] | None) -> None:
        """Add a stream.

        Args:
            played: what was done with it.
            rates: true rate of the policy at each sample; None where it is not known.
        """
        differs = played.differs
        for segment, sums in zip(self._segments, self._sums, strict=True):
            self._add_segment(sums, played, segment)
        self._windows += window_means(differs, self._segments, self._window).tolist()
        self._delays.append(detection_delays(played.alarms, self._segments))
        self._returns.append(returns(played.deployed, self._segments))
        quiet = false_alarm_ranges(self._segments)
        self._false += sum(any(a.at in each for each in quiet) for a in played.alarms)
        self._alarm_counts.append(len(played.alarms))
        self._overhead.append(overhead(played, self._segments))
        self._series.add(played)
        if rates is not None:
            self._rates.append(list(rates))
            self._at = [sample.at for sample in played.samples]
        if self._alarms is None:
            self._update_s = played.update_s
            self._alarms = [
                AlarmRow(at=a.at, kind=a.kind, segment=self._name_at(a.at), words=a.words)
                for a in played.alarms
            ]

    def row(self) -> MethodRow:
        """The row of all streams so far, one at least."""
        segments = self._segment_rows()
        count = np.array([row.n for row in segments])
        delays, back = list(zip(*self._delays, strict=True)), list(zip(*self._returns, strict=True))
        quiet = sum(map(len, false_alarm_ranges(self._segments)))
        return MethodRow(
            name=self._name,
            overhead=float(np.mean(self._overhead)),
            segments=segments,
            windows=Windows(
                n=len(self._windows),
                above_epsilon=sum(mean > self._epsilon for mean in self._windows),
                worst=max(self._windows, default=None),
            ),
            alarms=self._alarms or [],
            detection=[_median(each) for each in delays],
            false_alarms=self._false,
            detected=[_share(each) for each in delays],
            clean_regions=quiet * len(self._overhead),
            alarms_a_stream=float(np.mean(self._alarm_counts)),
            back_to_clean_cost=[_median(each) for each in back],
            came_back=[_share(each) for each in back],
            released=self._released(),
            update_us=1e6 * (self._update_s or 0.0),
            accuracy=float(np.average([r.accuracy for r in segments], weights=count)),
            full_accuracy=float(np.average([r.full_accuracy for r in segments], weights=count)),
            disagreement=float(np.average([r.disagreement for r in segments], weights=count)),
            macs_fraction=float(np.average([r.macs_fraction for r in segments], weights=count)),
            series=self._series.series(),
        )

    def _add_segment(self, sums: _SegmentSum, played: Played, segment: Segment) -> None:
        part, differs = slice(segment.begin, segment.end), played.differs
        sums.accuracy.append(float((played.answers[part] == played.labels[part]).mean()))
        sums.full.append(float((played.full[part] == played.labels[part]).mean()))
        sums.differs.append(float(differs[part].mean()))
        after = settled(segment)
        # A segment shorter than its grace has nothing that is settled, so nothing that differs.
        sums.settled.append(float(differs[after].mean()) if after.start < after.stop else 0.0)
        sums.charged.append(float(played.charged[part].mean()))
        sums.deployed.append(float(played.deployed[part].mean()))
        full = played.full[after]
        regions = np.bincount(full, minlength=self._classes)
        lost = np.bincount(full[differs[after]], minlength=self._classes)
        if len(sums.class_regions):
            regions, lost = regions + sums.class_regions, lost + sums.class_differs
        sums.class_regions, sums.class_differs = regions, lost

    def _segment_rows(self) -> list[SegmentRow]:
        clean = next(
            (
                float(np.mean(sums.full))
                for segment, sums in zip(self._segments, self._sums, strict=True)
                if segment.is_clean
            ),
            None,
        )
        return [
            _segment_row(segment, sums, clean)
            for segment, sums in zip(self._segments, self._sums, strict=True)
        ]

    def _released(self) -> Released | None:
        if not self._rates:
            return None
        rates, at = np.array(self._rates), np.array(self._at)
        counts = np.zeros(len(at), np.bool_)
        for segment in self._segments:
            after = settled(segment)
            counts |= (at >= after.start) & (at < after.stop)
        above, first = rates > self._epsilon, at < self._segments[0].end
        return Released(
            seeds_above=int(above[:, first].any(axis=1).sum()),
            seeds_above_anywhere=int(above[:, counts].any(axis=1).sum()),
            looks_above=float(above[:, counts].mean()),
            worst=float(rates[:, counts].max()),
        )

    def _name_at(self, region: int) -> str:
        return next((s.name for s in self._segments if region < s.end), self._segments[-1].name)


def _segment_row(segment: Segment, sums: _SegmentSum, clean: float | None) -> SegmentRow:
    accuracy, full = float(np.mean(sums.accuracy)), float(np.mean(sums.full))
    judged = sums.class_regions >= _ENOUGH
    by_class = sums.class_differs[judged] / sums.class_regions[judged]
    return SegmentRow(
        name=segment.name,
        n=segment.count,
        accuracy=accuracy,
        full_accuracy=full,
        disagreement=float(np.mean(sums.differs)),
        macs_fraction=float(np.mean(sums.charged)),
        backbone_drop=None if clean is None else clean - full,
        exit_gap=full - accuracy,
        settled_disagreement=float(np.mean(sums.settled)),
        worst_settled_disagreement=max(sums.settled),
        deployed_fraction=float(np.mean(sums.deployed)),
        worst_class_disagreement=float(by_class.max()) if len(by_class) else None,
    )


def _median(values: Sequence[int | None]) -> float | None:
    found = [value for value in values if value is not None]
    return float(np.median(found)) if found else None


def _share(values: Sequence[int | None]) -> float:
    return sum(value is not None for value in values) / len(values)
