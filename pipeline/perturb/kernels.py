"""Filters that stand for a lens out of focus and for a moving camera."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Kernel = NDArray[np.float32]
Floats = NDArray[np.float64]


def disc(radius: float, softness: float) -> Kernel:
    """Return an evenly filled disc with a soft rim, sum 1; both in pixels."""
    reach = math.ceil(radius) + max(1, math.ceil(3 * softness))
    offsets = np.arange(-reach, reach + 1, dtype=np.float32)
    filled = (np.hypot(offsets[:, None], offsets[None]) <= radius).astype(np.float32)
    soft = cv2.GaussianBlur(filled, (0, 0), softness)
    return np.asarray(soft / soft.sum(), np.float32)


def streaks(angles: Floats, sigma: float, reach: int) -> NDArray[np.float32]:
    """Return a one-sided streak in each direction: float32 (n, 2 reach + 1, 2 reach + 1), sums 1.

    Points on a line from the middle outwards, each shared among its four neighbours by distance.

    Args:
        angles: (n,) in radians.
        sigma: how quickly the streak fades, pixels.
        reach: its length, pixels.
    """
    steps = np.arange(reach + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    x = reach + np.cos(angles)[:, None] * steps
    y = reach + np.sin(angles)[:, None] * steps
    side = 2 * reach + 2  # one more, for neighbours of points on the rim
    kernels = np.zeros((len(angles), side, side))
    rows = np.broadcast_to(np.arange(len(angles))[:, None], x.shape)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for dy in (0, 1):
        for dx in (0, 1):
            share = np.abs(1 - dx - (x - left)) * np.abs(1 - dy - (y - top))
            np.add.at(kernels, (rows, top + dy, left + dx), share * weights)
    kernels = kernels[:, :-1, :-1]
    return np.asarray(kernels / kernels.sum((1, 2), keepdims=True), np.float32)
