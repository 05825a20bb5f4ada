"""Sums that stay low while signals are what they were, and rise when one of them moves.

For each signal there are four: up and down, quick (moves of half a deviation and more) and slow (a
fifth). A sum adds `slope * signal - drift` and never falls below 0. The slope is chosen so that
exp(slope * signal - drift) is 1 on average over the reference pictures; then the mean number of
regions to a false alarm of one sum at level h is at least exp(h), whatever the distribution of the
signal. All sums are in that one unit (nats), so one level serves them all.

Reference: Page, "Continuous inspection schemes", 1954; Shin, Ramdas and Rinaldo, "E-detectors",
2023, for the bound.
Differs from the paper: it has no detector.
"""

from typing import Final

import msgspec
import numpy as np

from dart_stream.adaptation.ladder import Floats

_QUICK, _SLOW = 0.5, 0.2
_STEEPEST: Final = 10.0
_HALVINGS: Final = 50
_CAREFUL: Final = 0.85
"""Of the slope that a reference of few regions would suggest: its spread is uncertain too."""

_SMALLEST_SCALE: Final = 0.1
SUMS_PER_SIGNAL: Final = 4


class Cusums(msgspec.Struct, forbid_unknown_fields=True):
    """S signals, 4 S sums.

    Attributes:
        offset: mean of each signal in the time that counts as normal, (S,).
        scale: one over its standard deviation then, (S,).
        slope: of each sum, signed, (4 S,).
        drift: of each sum, at least 0, (4 S,).
        sums: (4 S,), in nats.
    """

    offset: list[float]
    scale: list[float]
    slope: list[float]
    drift: list[float]
    sums: list[float]

    def add(self, row: tuple[float, ...], level: float) -> int:
        """Take one region in; return the signal whose sum is highest above the level, or -1."""
        sums, slope, drift = self.sums, self.slope, self.drift
        offset, scale = self.offset, self.scale
        highest, found, n = level, -1, 0
        for i, value in enumerate(row):
            x = (value - offset[i]) * scale[i]
            for j in (n, n + 1, n + 2, n + 3):
                s = sums[j] + slope[j] * x - drift[j]
                if s > 0.0:
                    sums[j] = s
                    if s > highest:
                        highest, found = s, i
                else:
                    sums[j] = 0.0
            n += 4
        return found


def cusums_of_reference(rows: Floats, watched: list[bool]) -> Cusums:
    """Sums whose slopes fit the reference pictures exactly.

    Args:
        rows: signals of the reference pictures, (N, S).
        watched: which signals may alarm at all, (S,).
    """
    offset, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    slope, drift = [], []
    for column, on in zip(((rows - offset) / spread).T, watched, strict=True):
        for allowance in (_QUICK, _SLOW):
            for sign in (1.0, -1.0):
                a = _slope_of(sign * column - allowance) if on else 0.0
                slope.append(sign * a)
                drift.append(a * allowance)
    return Cusums(
        offset=offset.tolist(),
        scale=(1 / spread).tolist(),
        slope=slope,
        drift=drift,
        sums=[0.0] * len(slope),
    )


def rebased(home: Cusums, mean: Floats, spread: Floats, regions: int) -> Cusums:
    """Sums for a new normal, known from few regions.

    The allowance grows by two standard errors of the new mean, so that a mean learned a little off
    is no alarm; tails are taken to be as heavy as the reference's.

    Args:
        home: sums of the reference.
        mean: of each signal in the new normal, (S,).
        spread: standard deviations there, (S,).
        regions: that both come from.
    """
    spread = np.maximum(spread, _SMALLEST_SCALE)
    wider = 2 / np.sqrt(regions)
    slope, drift = [], []
    for j, old in enumerate(home.slope):
        allowance = _QUICK if j % SUMS_PER_SIGNAL < 2 else _SLOW
        heavy = min(1.0, abs(old) / (2 * allowance))
        a = _CAREFUL * heavy * 2 * (allowance + wider)
        slope.append(float(np.copysign(a, old)) if old else 0.0)
        drift.append(float(a * (allowance + wider)) if old else 0.0)
    return Cusums(
        offset=mean.tolist(),
        scale=(1 / spread).tolist(),
        slope=slope,
        drift=drift,
        sums=[0.0] * len(slope),
    )


def _slope_of(gains: Floats) -> float:
    """The positive a at which exp(a * gains) is 1 on average; gains are negative on average."""
    low, high = 0.0, _STEEPEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if np.exp(middle * gains).mean() < 1:
            low = middle
        else:
            high = middle
    return low
