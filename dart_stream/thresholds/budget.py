"""The best of many settings within a mean cost."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def best_within(cost: Floats, worth: Floats, limit: float) -> tuple[int, ...] | None:
    """Index of the setting that is worth most, the cheapest of several; None if all are too dear.

    Args:
        cost: mean of each setting, an array of any shape.
        worth: mean of each setting, of the same shape.
        limit: in the unit of the cost.
    """
    if cost.min() > limit:
        return None
    affordable = np.where(cost <= limit, worth, -np.inf)
    cheapest = np.where(affordable == affordable.max(), cost, np.inf).argmin()
    return tuple(int(i) for i in np.unravel_index(cheapest, cost.shape))
