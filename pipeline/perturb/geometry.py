"""The picture bent out of shape, or askew."""

from typing import Final

import cv2
import numpy as np

from pipeline.perturb.effect import PUBLISHED_SIDE, Draw, Levels, each, scale_of

_ELASTIC: Final = (
    *((0.0, 0.0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05)),
    (0.1, 0.03, 0.03),
)
"""Strength and smoothness of the bending, and how far three corners of a square may move; all as
a share of the picture's side. The last falls as the first rises: a severe case is bent in many
places, a mild one is slanted as a whole."""
_SMALLEST_BEND: Final = 1e-6

_ASKEW: Final = (10, 25, 45, 90, 180)
"""Degrees. The last two leave all statistics of pixels as they are: what is wrong only a network
sees."""


def elastic_transform(crops: Levels, severity: int, draw: Draw) -> Levels:
    """Slant the picture, then bend it as if it were printed on rubber."""
    side = PUBLISHED_SIDE * scale_of(crops)
    strength, smoothness, slant = (share * side for share in _ELASTIC[severity - 1])
    height, width = crops.shape[1:3]
    y, x = np.mgrid[:height, :width].astype(np.float32)

    def bent(crop: Levels, index: int) -> Levels:
        generator = draw.generators[index]
        matrix = _slanted(height, width, slant, generator)
        size, mirror = (width, height), cv2.BORDER_REFLECT_101
        slanted = cv2.warpAffine(crop, matrix, size, borderMode=mirror)
        if strength < _SMALLEST_BEND:
            return np.asarray(slanted, np.float32)
        dx, dy = (
            np.float32(strength) * _smooth_field(height, width, smoothness, generator)
            for _ in range(2)
        )
        remapped = cv2.remap(slanted, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=mirror)
        return np.asarray(remapped, np.float32)

    return each(crops, bent)


def askew(crops: Levels, severity: int, _draw: Draw) -> Levels:
    """Look through a camera that has slipped out of its mount and hangs askew, or head down."""
    height, width = crops.shape[1:3]
    centre = (width - 1) / 2, (height - 1) / 2
    turn = cv2.getRotationMatrix2D(centre, _ASKEW[severity - 1], 1)

    def turned(crop: Levels, _index: int) -> Levels:
        seen = cv2.warpAffine(crop, turn, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(seen, np.float32)

    return each(crops, turned)


def _slanted(height: int, width: int, slant: float, generator: np.random.Generator) -> Levels:
    """Move three corners of a square in the middle, each by up to `slant` pixels a side."""
    x, y, reach = width / 2, height / 2, min(height, width) / 3
    corners = np.array(
        [[x + reach, y + reach], [x + reach, y - reach], [x - reach, y - reach]], np.float32
    )
    moved = corners + generator.uniform(-slant, slant, corners.shape).astype(np.float32)
    return np.asarray(cv2.getAffineTransform(corners, moved), np.float32)


def _smooth_field(
    height: int, width: int, smoothness: float, generator: np.random.Generator
) -> Levels:
    rough = generator.uniform(-1, 1, (height, width)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(rough, (0, 0), smoothness), np.float32)
