"""A distribution function through its quantiles."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """A distribution function, linear between rising knots; 0 below the first, 1 above the last.

    Attributes:
        values: float64, the distinct knots, rising.
        levels: float64 in [0, 1], the function there.
    """

    values: NDArray[np.float64]
    levels: NDArray[np.float64]

    @classmethod
    def through(cls, knots: NDArray[np.float64]) -> Self:
        """Make one from quantiles at evenly spaced levels from 0 to 1."""
        # Equal knots are a value that many pictures share: it gets the middle of its levels.
        values, inverse, counts = np.unique(knots, return_inverse=True, return_counts=True)
        levels = np.bincount(inverse, weights=np.linspace(0, 1, len(knots))) / counts
        return cls(values, levels)

    def __call__(self, x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Share of the distribution below each x, in [0, 1]."""
        levels: NDArray[np.float64] = np.interp(x, self.values, self.levels, left=0.0, right=1.0)
        return levels
