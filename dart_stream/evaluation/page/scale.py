"""From values to places on a drawing, and the round values that an axis names."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map of values onto pixels.

    Attributes:
        low: value at `start`.
        high: value at `end`, above `low`.
        start: pixel.
        end: pixel; smaller than `start` where values grow upwards.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Pixel of a value, also of one outside of the range."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies within the range."""
        return self.low <= value <= self.high

    def clamp(self, value: float) -> float:
        """The value in the range that lies nearest."""
        return min(max(value, self.low), self.high)

    def ticks(self, about: int) -> list[float]:
        """Some `about` multiples of 1, 2 or 5 times a power of ten within the range."""
        step = _round_step((self.high - self.low) / about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def padded(values: Iterable[float], pad: float, at_least: float) -> tuple[float, float]:
    """Lowest and highest value, both moved outwards by a share of their distance.

    Args:
        values: at least one.
        pad: share of the distance.
        at_least: the padding where that share is less.
    """
    kept = list(values)
    low, high = min(kept), max(kept)
    margin = max(at_least, pad * (high - low))
    return low - margin, high + margin


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next((m * power for m in (1, 2, 5) if m * power >= rough * (1 - 1e-9)), 10 * power)
