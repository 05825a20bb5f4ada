"""Sharpness lost: by focus, by frosted glass, by movement, by zooming, or simply."""

import math
from typing import Final

import cv2
import numpy as np

from pipeline.perturb.effect import Draw, Levels, each, scale_of
from pipeline.perturb.kernels import disc, streaks

_SIMPLE: Final = (0.4, 0.6, 0.7, 0.8, 1.0)
"""Standard deviation in pixels."""
_DEFOCUS: Final = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
"""Radius of the disc and softness of its rim, pixels."""
_GLASS: Final = ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2))
"""Blur in pixels before and after, farthest move in pixels, how often pixels move."""
_MOTION: Final = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))
"""Radius, so that a streak has twice its length, and standard deviation, pixels."""
_ZOOM: Final = (1.05, 1.10, 1.15, 1.20, 1.25)
"""Farthest zoom; all hundredths on the way are averaged."""


def blur(crops: Levels, severity: int, _draw: Draw) -> Levels:
    """Blur with a Gaussian."""
    sigma = _SIMPLE[severity - 1] * scale_of(crops)
    return each(crops, lambda crop, _: _gaussian(crop, sigma))


def defocus_blur(crops: Levels, severity: int, _draw: Draw) -> Levels:
    """Spread every point over a disc, as a lens out of focus does."""
    radius, softness = _DEFOCUS[severity - 1]
    kernel = disc(radius * scale_of(crops), softness * scale_of(crops))
    return each(crops, lambda crop, _: _filtered(crop, kernel))


def glass_blur(crops: Levels, severity: int, draw: Draw) -> Levels:
    """Look through frosted glass: blur, move pixels by a little, blur.

    Each pixel shows itself or a neighbour above, left, or both, by chance.
    """
    sigma, farthest, times = _GLASS[severity - 1]
    sigma, move = sigma * scale_of(crops), max(1, round(farthest * scale_of(crops)))
    height, width = crops.shape[1:3]
    at_y, at_x = np.mgrid[:height, :width]

    def through_glass(crop: Levels, index: int) -> Levels:
        seen = _gaussian(crop, sigma)
        for _ in range(times):
            by = draw.generators[index].integers(-move, move, (2, height, width))
            y, x = (at_y + by[0]).clip(0, height - 1), (at_x + by[1]).clip(0, width - 1)
            seen = seen[y, x]
        return _gaussian(seen, sigma)

    return each(crops, through_glass)


def motion_blur(crops: Levels, severity: int, draw: Draw) -> Levels:
    """Move the camera while the shutter is open, more across than up or down."""
    radius, sigma = _MOTION[severity - 1]
    scale = scale_of(crops)
    angles = np.array([g.uniform(-math.pi / 4, math.pi / 4) for g in draw.generators])
    kernels = streaks(angles, sigma * scale, math.ceil(2 * radius * scale))
    return each(crops, lambda crop, index: _filtered(crop, kernels[index]))


def zoom_blur(crops: Levels, severity: int, _draw: Draw) -> Levels:
    """Zoom in while the shutter is open."""
    height, width = crops.shape[1:3]
    zooms = np.arange(1, _ZOOM[severity - 1] + 0.005, 0.01)
    maps = [_zoom_about_middle(zoom, height, width) for zoom in zooms]

    def zoomed(crop: Levels, _index: int) -> Levels:
        total = crop.copy()
        for matrix in maps:
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            total += cv2.warpAffine(crop, matrix, (width, height), flags=flags)
        return total / np.float32(len(maps) + 1)

    return each(crops, zoomed)


def _zoom_about_middle(zoom: float, height: int, width: int) -> Levels:
    """The map from a place in the zoomed picture to that in the picture, (2, 3)."""
    x, y = (width - 1) / 2, (height - 1) / 2
    inward = 1 / zoom
    return np.array([[inward, 0, x * (1 - inward)], [0, inward, y * (1 - inward)]], np.float32)


def _gaussian(crop: Levels, sigma: float) -> Levels:
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.float32)


def _filtered(crop: Levels, kernel: Levels) -> Levels:
    return np.asarray(cv2.filter2D(crop, -1, kernel), np.float32)
