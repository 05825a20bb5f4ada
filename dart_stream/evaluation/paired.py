"""Differences between two methods on the same pictures."""

from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import ArrayLike


class Difference(msgspec.Struct, frozen=True):
    """A mean difference and its 95 % interval."""

    mean: float
    ci95: tuple[float, float]


def paired_difference(ours: ArrayLike, theirs: ArrayLike, confidence: float = 0.95) -> Difference:
    """Mean of ours - theirs over pictures, and the normal interval of that mean.

    Pairing takes out what both have in common: pictures that are easy or hard for either.

    Args:
        ours: a figure of each picture, [N], such as 1 where the answer is right.
        theirs: the same of another method on the same pictures, [N].
        confidence: of the interval.
    """
    difference = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    if difference.ndim != 1 or len(difference) < 2:
        raise ValueError(f"paired difference: expected pictures, got shape {difference.shape}")
    mean = float(difference.mean())
    error = float(difference.std(ddof=1)) / len(difference) ** 0.5
    half = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return Difference(mean, (mean - half, mean + half))
