"""Noise of the sensor: every value is disturbed by itself."""

from typing import Final

import numpy as np

from pipeline.perturb.effect import Draw, Levels

_SIGMA: Final = (0.04, 0.06, 0.08, 0.09, 0.10)
"""Standard deviation, of a range of 1."""
_PHOTONS: Final = (500, 250, 100, 75, 50)
"""Counted where a value is 1."""
_STRUCK: Final = (0.01, 0.02, 0.03, 0.05, 0.07)
"""Share of the values that become 0 or 1, as many of these as of those."""


def gaussian_noise(crops: Levels, severity: int, draw: Draw) -> Levels:
    """Add what a warm or amplified sensor adds."""
    sigma = np.float32(_SIGMA[severity - 1] * 255)
    noise = np.empty(crops.shape, np.float32)
    for row, generator in zip(noise, draw.generators, strict=True):
        generator.standard_normal(dtype=np.float32, out=row)
    return crops + sigma * noise


def shot_noise(crops: Levels, severity: int, draw: Draw) -> Levels:
    """Count photons: Poisson noise, stronger in relation where it is dark."""
    photons = _PHOTONS[severity - 1]
    expected = crops.clip(0, 255) * np.float32(photons / 255)
    counted = np.empty(crops.shape, np.float32)
    for row, mean, generator in zip(counted, expected, draw.generators, strict=True):
        row[...] = generator.poisson(mean)
    return counted * np.float32(255 / photons)


def impulse_noise(crops: Levels, severity: int, draw: Draw) -> Levels:
    """Set single values to black or white, as dead and stuck cells do."""
    half = _STRUCK[severity - 1] / 2
    chance = np.empty(crops.shape, np.float32)
    for row, generator in zip(chance, draw.generators, strict=True):
        generator.random(dtype=np.float32, out=row)
    struck = np.where(chance < half, np.float32(0), crops)
    return np.where(chance >= 1 - half, np.float32(255), struck).astype(np.float32)
