"""Alarm when more regions than usual are as easy, or as hard, as almost none were in calibration.

Reference: Page 1954, with the likelihood ratio of two shares.
Differs from the paper: it does not look at the difficulty's distribution.
"""

from math import log
from typing import Final

import msgspec

END: Final = 0.02
"""From 0 and from 1: a share of 2 % lies there if the stream is like the training pictures."""

_MORE: Final = 5.0
_LEAST_SUSPECT: Final = 0.15
_LARGEST_NORMAL: Final = 0.5
"""Where half of the regions lie at an end anyway, no rise is looked for."""

_SMALLEST_SHARE: Final = 0.01


class DifficultyEnds(msgspec.Struct, forbid_unknown_fields=True):
    """Two sums in nats.

    Attributes:
        gains: what a region adds, [low outside, low inside, high outside, high inside].
        low: sum of the end at 0.
        high: sum of the end at 1.
    """

    gains: list[float]
    low: float = 0.0
    high: float = 0.0

    def add(self, difficulty: float, level: float) -> bool:
        """Take one region in; say whether an end holds too many."""
        gains = self.gains
        low = self.low + (gains[1] if difficulty <= END else gains[0])
        high = self.high + (gains[3] if difficulty >= 1 - END else gains[2])
        self.low = max(0.0, low)
        self.high = max(0.0, high)
        return low > level or high > level


def ends_of_shares(low: float, high: float) -> DifficultyEnds:
    """Sums for a time in which these shares of the regions lie at the ends."""
    return DifficultyEnds(gains=[*_gains(low), *_gains(high)])


def _gains(share: float) -> tuple[float, float]:
    normal = max(share, _SMALLEST_SHARE)
    suspect = min(max(_MORE * normal, _LEAST_SUSPECT), 0.9)
    if normal > _LARGEST_NORMAL:
        return 0.0, 0.0
    return log((1 - suspect) / (1 - normal)), log(suspect / normal)
