"""How even the classes are, and weights that make up for it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_RATIO: Final = 10.0
_MEMORY: Final = 0.999


def class_weights(labels: NDArray[np.int64]) -> list[float]:
    """Weight of each class in the loss, so that rare classes are not neglected.

    The inverse of the effective number of pictures, (1 - b^n) / (1 - b) with b = 0.999: pictures
    of one class resemble each other, so the thousandth adds less than the tenth. The largest weight
    is at most `MAX_RATIO` times the smallest. The mean over all pictures is 1, which keeps the
    scale of the loss; classes of one size all weigh exactly 1.

    Reference: Cui et al., "Class-balanced loss based on effective number of samples", 2019, Eq. 2.

    Args:
        labels: class of each picture, [N]; every class below the largest is there.

    Returns:
        One weight per class.
    """
    counts = np.bincount(labels)
    weights = (1 - _MEMORY) / (1 - _MEMORY**counts)
    weights = np.maximum(weights, weights.max() / MAX_RATIO)
    mean = (weights * counts).sum() / counts.sum()
    return [round(float(weight / mean), 6) for weight in weights]


def imbalance(labels: NDArray[np.int64]) -> float:
    """Pictures of the largest class over those of the smallest, at least 1."""
    counts = np.bincount(labels)
    return float(counts.max() / counts.min())
