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
    """Mean of ours - theirs over pictures, and an interval of that mean.

    Pairing takes out what both have in common: pictures that are easy or hard for either. The
    interval is the normal one of the mean once half a picture more speaks for either side and one
    for none, so that it has a width where no picture tells the two apart.

    Reference: Agresti and Min, "Simple improved confidence intervals for comparing matched
    proportions", 2005.

    Args:
        ours: a figure of each picture, [N], from 0 to 1, such as 1 where the answer is right.
        theirs: the same of another method on the same pictures, [N].
        confidence: of the interval.
    """
    difference = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    if difference.ndim != 1 or len(difference) < 2:
        raise ValueError(f"paired difference: expected pictures, got shape {difference.shape}")
    n = len(difference) + 2
    centre = float(difference.sum()) / n
    variance = (float(difference @ difference) + 1) / n - centre**2
    half = NormalDist().inv_cdf((1 + confidence) / 2) * (variance / n) ** 0.5
    return Difference(float(difference.mean()), (centre - half, centre + half))
