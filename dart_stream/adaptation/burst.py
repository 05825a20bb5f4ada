"""What is gathered after an alarm: is the world the calibration's again, and if not, what is it?"""

from math import sqrt

import msgspec
import numpy as np

from dart_stream.adaptation.ladder import Floats


class Burst(msgspec.Struct, forbid_unknown_fields=True):
    """Sums over the scenes since an alarm.

    Attributes:
        sums: of each signal, (S,).
        squares: of each signal, (S,).
        first: answers of exit 0, (C,).
        final: answers of full depth, (C,).
        ends: scenes at the low and the high end of difficulty.
        scenes: how many.
        regions: how many, repeats included.
    """

    sums: list[float]
    squares: list[float]
    first: list[int]
    final: list[int]
    ends: list[int]
    scenes: int = 0
    regions: int = 0

    def add(self, row: tuple[float, ...], first: int, final: int | None) -> None:
        """Take one scene in."""
        self.scenes += 1
        self.first[first] += 1
        if final is not None:
            self.final[final] += 1
        for i, value in enumerate(row):
            self.sums[i] += value
            self.squares[i] += value * value

    def mean(self) -> Floats:
        """Of each signal, (S,)."""
        return np.array(self.sums) / self.scenes

    def spread(self) -> Floats:
        """Standard deviation of each signal, (S,)."""
        return np.sqrt(np.maximum(np.array(self.squares) / self.scenes - self.mean() ** 2, 0.0))

    def farthest(self, centre: Floats, spread: Floats) -> float:
        """How far the farthest signal's mean is from its usual one, in standard errors."""
        distance = np.abs(self.mean() - centre) / spread
        return float(distance.max()) * sqrt(self.scenes)


def empty_burst(signals: int, classes: int) -> Burst:
    """Return one that has gathered nothing."""
    return Burst(
        sums=[0.0] * signals,
        squares=[0.0] * signals,
        first=[0] * classes,
        final=[0] * classes,
        ends=[0, 0],
    )
