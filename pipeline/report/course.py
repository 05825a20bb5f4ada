"""Figures of a run over time, in a number of points that does not grow with the run."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.snapshot import Snapshot

MOST_POINTS: Final = 480
LONGEST_GAP_S: Final = 5.0
"""Snapshots come twice a second; what lies further apart is not joined by a line."""


@dataclass(slots=True)
class Point:
    """A stretch of time between snapshots; what is None was not known.

    Attributes:
        begin_s: Unix time.
        end_s: likewise.
        frames: processed in it.
        dropped: frames dropped in it.
        regions: answered in it.
        exits: of these, by exit.
        macs: multiply-accumulates of these, in full networks.
        p50_ms: latency, the mean of what snapshots said.
        p95_ms: likewise, the worst.
        estimate: disagreement as the last snapshot had it, in [0, 1].
        upper: its bound, the worst.
        epsilon: the limit.
        bursts: share of snapshots at which everything ran to full depth.
        power_w: mean.
        coefficients: at the end, by class, mean over early exits, in logits.
        snapshots: that it is made of.
    """

    begin_s: float
    end_s: float
    frames: int = 0
    dropped: int = 0
    regions: float = 0.0
    exits: list[float] = field(default_factory=list)
    macs: float = 0.0
    p50_ms: float | None = None
    p95_ms: float | None = None
    estimate: float | None = None
    upper: float | None = None
    epsilon: float | None = None
    bursts: float = 0.0
    power_w: float | None = None
    coefficients: NDArray[np.float32] | None = None
    snapshots: int = 1

    @property
    def middle_s(self) -> float:
        """Where it is drawn."""
        return (self.begin_s + self.end_s) / 2

    @property
    def fps(self) -> float | None:
        """Frames processed per second; None for a single moment."""
        duration_s = self.end_s - self.begin_s
        return self.frames / duration_s if duration_s > 0 else None

    @property
    def dropped_fps(self) -> float | None:
        """Frames dropped per second."""
        duration_s = self.end_s - self.begin_s
        return self.dropped / duration_s if duration_s > 0 else None

    @property
    def exit_shares(self) -> list[float] | None:
        """Per exit; None if nothing was answered."""
        total = sum(self.exits)
        return [count / total for count in self.exits] if total >= 1 else None

    @property
    def macs_fraction(self) -> float | None:
        """Of what full depth would have cost."""
        return self.macs / self.regions if self.regions >= 1 else None

    def joined(self, later: "Point") -> "Point":
        """Both as one."""
        total = self.snapshots + later.snapshots
        return Point(
            self.begin_s,
            later.end_s,
            self.frames + later.frames,
            self.dropped + later.dropped,
            self.regions + later.regions,
            [a + b for a, b in zip_longest(self.exits, later.exits, fillvalue=0.0)],
            self.macs + later.macs,
            _mean((self.p50_ms, self.snapshots), (later.p50_ms, later.snapshots)),
            _worst(self.p95_ms, later.p95_ms),
            later.estimate,
            _worst(self.upper, later.upper),
            later.epsilon if later.epsilon is not None else self.epsilon,
            (self.bursts * self.snapshots + later.bursts * later.snapshots) / total,
            _mean((self.power_w, self.snapshots), (later.power_w, later.snapshots)),
            later.coefficients if later.coefficients is not None else self.coefficients,
            total,
        )


class Course:
    """Points in order, in stretches without a gap; takes one snapshot after the other."""

    def __init__(self) -> None:
        self.stretches: list[list[Point]] = []
        self._last: Snapshot | None = None
        self._grain_s = 0.0
        """So long is a point at least; grows with the run, so that old and new are drawn alike."""

    @property
    def points(self) -> Iterator[Point]:
        """All of them."""
        for stretch in self.stretches:
            yield from stretch

    def add(self, snapshot: Snapshot) -> None:
        """Take the next snapshot."""
        last, self._last = self._last, snapshot
        if last is None or not _goes_on(last, snapshot):
            self.stretches.append([])
            last = snapshot
        self._put(self.stretches[-1], _between(last, snapshot))
        if sum(map(len, self.stretches)) > 2 * MOST_POINTS:
            self._coarsen()

    def _put(self, stretch: list[Point], point: Point) -> None:
        if stretch and stretch[-1].end_s - stretch[-1].begin_s < self._grain_s:
            stretch[-1] = stretch[-1].joined(point)
        else:
            stretch.append(point)

    def _coarsen(self) -> None:
        length_s = sum(stretch[-1].end_s - stretch[0].begin_s for stretch in self.stretches)
        self._grain_s = max(2 * self._grain_s, length_s / MOST_POINTS)
        before, self.stretches = self.stretches, []
        for stretch in before:
            self.stretches.append([])
            for point in stretch:
                self._put(self.stretches[-1], point)


def _goes_on(last: Snapshot, now: Snapshot) -> bool:
    """The same part of a run, without a gap: a run that is resumed counts from the beginning."""
    return 0 <= now.time_s - last.time_s <= LONGEST_GAP_S and now.regions >= last.regions


def _between(last: Snapshot, now: Snapshot) -> Point:
    adaptation = now.adaptation
    return Point(
        begin_s=last.time_s,
        end_s=now.time_s,
        frames=max(now.ledger.processed - last.ledger.processed, 0),
        dropped=max(sum(now.ledger.dropped.values()) - sum(last.ledger.dropped.values()), 0),
        regions=now.regions - last.regions,
        exits=[max(b - a, 0.0) for a, b in zip(_exits(last), _exits(now), strict=True)],
        macs=max(_macs(now) - _macs(last), 0.0),
        p50_ms=now.latency_ms.p50,
        p95_ms=now.latency_ms.p95,
        estimate=None if adaptation is None else adaptation.estimate,
        upper=None if adaptation is None else adaptation.upper,
        epsilon=None if adaptation is None else adaptation.epsilon,
        bursts=float(adaptation is not None and adaptation.full_depth),
        power_w=now.power.power_w,
        coefficients=_coefficients(now),
    )


def _exits(snapshot: Snapshot) -> list[float]:
    shares = snapshot.exits or [0.0] * snapshot.num_exits
    return [share * snapshot.regions for share in shares]


def _macs(snapshot: Snapshot) -> float:
    return (snapshot.macs_fraction or 0.0) * snapshot.regions


def _coefficients(snapshot: Snapshot) -> NDArray[np.float32] | None:
    rows = snapshot.policy.coefficients
    return np.asarray(rows, np.float32).mean(axis=1) if rows and rows[0] else None


def _mean(*weighted: tuple[float | None, int]) -> float | None:
    known = [(value, weight) for value, weight in weighted if value is not None]
    if not known:
        return None
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known)


def _worst(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)
