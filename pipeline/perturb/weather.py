"""Fog, frost on the lens, snow."""

import math
from typing import Final

import cv2
import numpy as np

from pipeline.perturb.effect import Draw, Levels, each, scale_of
from pipeline.perturb.fields import ICE_SIDE, cloud, ice
from pipeline.perturb.kernels import streaks

_FOG: Final = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))
"""Thickness, of a range of 1, and how many times weaker each finer grid of the fog is."""
_FROST: Final = ((1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))
"""Share of the picture and share of the ice."""
_SNOW: Final = (
    (0.1, 0.2, 1.0, 0.6, (8, 3), 0.95),
    (0.1, 0.2, 1.0, 0.5, (10, 4), 0.9),
    (0.15, 0.3, 1.75, 0.55, (10, 4), 0.9),
    (0.25, 0.3, 2.25, 0.6, (12, 6), 0.85),
    (0.3, 0.3, 1.25, 0.65, (14, 12), 0.8),
)
"""Mean and spread of the flakes' light, their size in pixels, the least light that is a flake,
radius and spread of the streak it draws in pixels, share of the picture that stays as it was."""
_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)


def fog(crops: Levels, severity: int, draw: Draw) -> Levels:
    """Lay a cloud over the picture, and take back light so that the brightest stays."""
    thickness, decay = _FOG[severity - 1]
    size, scale = (crops.shape[1], crops.shape[2]), scale_of(crops)

    def in_fog(crop: Levels, index: int) -> Levels:
        laid = cloud(size, scale, decay, draw.generators[index])[:, :, None]
        brightest = max(float(crop.max()), 1.0)
        back = brightest / (brightest + 255 * thickness)
        return (crop + np.float32(255 * thickness) * laid) * np.float32(back)

    return each(crops, in_fog)


def frost(crops: Levels, severity: int, draw: Draw) -> Levels:
    """Add ice on the lens: each picture is seen through another place of it."""
    of_picture, of_ice = (np.float32(share) for share in _FROST[severity - 1])
    height, width = crops.shape[1:3]
    frozen = ice(max(round(ICE_SIDE * scale_of(crops)), height, width))

    def through_ice(crop: Levels, index: int) -> Levels:
        generator = draw.generators[index]
        top = int(generator.integers(0, len(frozen) - height + 1))
        left = int(generator.integers(0, len(frozen) - width + 1))
        return of_picture * crop + of_ice * frozen[top : top + height, left : left + width]

    return each(crops, through_ice)


def snow(crops: Levels, severity: int, draw: Draw) -> Levels:
    """Let flakes fall through the picture and whiten it."""
    mean, spread, flake, least, (radius, sigma), kept = _SNOW[severity - 1]
    scale = scale_of(crops)
    height, width = crops.shape[1:3]
    coarse = (math.ceil(width / (flake * scale)), math.ceil(height / (flake * scale)))
    angles = np.array([g.uniform(math.pi / 4, 3 * math.pi / 4) for g in draw.generators])
    kernels = streaks(angles, sigma * scale, math.ceil(2 * radius * scale))

    def in_snow(crop: Levels, index: int) -> Levels:
        light = draw.generators[index].normal(mean, spread, coarse[::-1]).astype(np.float32)
        flakes = cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR)
        flakes = np.where(flakes < least, np.float32(0), flakes.clip(0, 1))
        falling = np.asarray(cv2.filter2D(flakes, -1, kernels[index]), np.float32) * 255
        white = np.maximum(crop, (crop @ _GREY)[:, :, None] * np.float32(1.5) + np.float32(127.5))
        whitened = np.float32(kept) * crop + np.float32(1 - kept) * white
        return np.asarray(whitened + (falling + falling[::-1, ::-1])[:, :, None], np.float32)

    return each(crops, in_snow)
