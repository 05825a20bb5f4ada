"""Another camera in the same place: its colours, its tone curve, its lens."""

from typing import Final

import cv2
import numpy as np

from pipeline.perturb.effect import Draw, Levels, each, scale_of

_HOW_DIFFERENT: Final = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Share of the way from our camera to the other one."""
_COLOURS: Final = np.array([[0.80, 0.26, 0.00], [0.10, 0.78, 0.06], [0.00, 0.22, 0.62]], np.float32)
"""Its red, green and blue from ours: less saturated, and yellowish; rows near a sum of 1."""
_GAMMA: Final = 1.5
"""Exponent of its tone curve: middle tones get darker."""
_SIGMA: Final = 0.6
"""Blur of its lens, pixels."""
_CORNER: Final = 0.5
"""Share of the light that is missing in a corner; it grows with the square of the distance."""


def camera(crops: Levels, severity: int, _draw: Draw) -> Levels:
    """See through a camera that always differs in the same way, the more the severer."""
    share = _HOW_DIFFERENT[severity - 1]
    colours = (1 - share) * np.eye(3, dtype=np.float32) + np.float32(share) * _COLOURS
    sigma = share * _SIGMA * scale_of(crops)
    height, width = crops.shape[1:3]
    light = _vignette(height, width, share * _CORNER)

    def seen(crop: Levels, _index: int) -> Levels:
        soft = np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.float32)
        linear = (soft @ colours.T * light).clip(0, 255) / np.float32(255)
        return np.asarray(255 * linear ** np.float32(_GAMMA**share), np.float32)

    return each(crops, seen)


def _vignette(height: int, width: int, missing: float) -> Levels:
    """Share of the light at each pixel, float32 (height, width, 1)."""
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    return (1 - missing * (x**2 + y**2) / 2).astype(np.float32)[:, :, None]
