"""More, less and fading light."""

from typing import Final

import numpy as np

from pipeline.perturb.effect import Draw, Levels

_EXPOSURE: Final = (0.7, 0.5, 0.35, 0.25, 0.15)
"""Share of the light that is left; ours."""
_CONTRAST: Final = (0.75, 0.5, 0.4, 0.3, 0.15)
"""Share of the distance from the mean that is left."""
_BRIGHTNESS: Final = (0.05, 0.1, 0.15, 0.2, 0.3)
"""Added to the value of HSV, of a range of 1."""


def dark(crops: Levels, severity: int, _draw: Draw) -> Levels:
    """Take away light."""
    return crops * np.float32(_EXPOSURE[severity - 1])


def daylight(crops: Levels, severity: int, draw: Draw) -> Levels:
    """Take away light little by little: all of it is there when the phase begins.

    Light falls by the same factor in the same time, to that of `dark` when the phase ends.
    """
    left = _EXPOSURE[severity - 1] ** draw.progress
    return np.asarray(crops * left[:, None, None, None], np.float32)


def contrast(crops: Levels, severity: int, _draw: Draw) -> Levels:
    """Move all values towards the mean of their channel."""
    mean = np.asarray(crops.mean(axis=(1, 2), keepdims=True), np.float32)
    return np.asarray((crops - mean) * _CONTRAST[severity - 1] + mean, np.float32)


def brightness(crops: Levels, severity: int, _draw: Draw) -> Levels:
    """Add light; hue and saturation stay.

    In HSV that is a factor on all three channels: new value over old value.
    """
    value = crops.clip(0, 255).max(axis=3, keepdims=True)
    brighter = np.minimum(value + np.float32(_BRIGHTNESS[severity - 1] * 255), 255)
    lit = value > 0
    factor = np.divide(brighter, value, out=np.ones_like(value), where=lit)
    return np.asarray(np.where(lit, crops * factor, brighter), np.float32)
