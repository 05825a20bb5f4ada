"""Clouds and ice: random surfaces that weather is made of."""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.perturb.kernels import streaks

Field = NDArray[np.float32]

ICE_SIDE: Final = 256
"""Of the texture, in pixels of a picture of 32."""
_DIRECTIONS: Final = (0.3, 0.3 + np.pi / 3, 0.3 + 2 * np.pi / 3)
"""Of the feathers, radians: ice grows at angles of 60 degrees."""
_LENGTHS: Final = (2.0, 5.0)
"""Of threads, pixels of a picture of 32."""
_SEED: Final = 20190


def cloud(
    size: tuple[int, int], scale: float, decay: float, generator: np.random.Generator
) -> Field:
    """Draw a fractal surface with values from 0 to 1.

    Noise on ever finer grids, from the whole picture down to a pixel of 32, each finer one weaker.

    Args:
        size: height and width, pixels.
        scale: see `scale_of`; finer grids than a published pixel are left out.
        decay: how many times weaker each next grid is.
        generator: chance.
    """
    height, width = size
    surface = np.zeros(size, np.float32)
    cells, weight = 1, 1.0
    while cells <= min(size) / scale:
        # A cell more than the picture shows, and a random part of it, so that no seam is visible.
        grid = generator.uniform(-1, 1, (cells + 2, cells + 2)).astype(np.float32)
        step = max(size) / cells
        large = cv2.resize(grid, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        top, left = (generator.integers(0, int(step) + 1, 2)).tolist()
        surface += np.float32(weight) * large[top : top + height, left : left + width]
        cells, weight = cells * 2, weight / decay
    surface -= surface.min()
    return surface / max(float(surface.max()), 1e-6)


@cache
def ice(side: int) -> Field:
    """Draw frost on a window: float32 (side, side, 3), 0 to 255, always the same.

    Feathers of ice along three directions, each strong in other places, over a bright veil. It
    stands in for the published photographs.

    Args:
        side: pixels; `ICE_SIDE` times the scale.
    """
    generator = np.random.default_rng(_SEED)
    scale = side / ICE_SIDE
    cover = 0.4 + 0.35 * cloud((side, side), scale * 8, 1.5, generator)
    for angle in _DIRECTIONS:
        where = cloud((side, side), scale * 16, 1.5, generator)
        cover += 0.4 * where**2 * _feathers(side, scale, angle, generator)
    tint = np.array([0.88, 0.96, 1.0], np.float32)
    return np.asarray(255 * cover.clip(0, 1)[:, :, None] * tint, np.float32)


def _feathers(side: int, scale: float, angle: float, generator: np.random.Generator) -> Field:
    """Draw bright threads in one direction, mean 0 and spread 1, some more and some less long."""
    speckles = generator.standard_normal((side, side)).astype(np.float32)
    drawn = np.zeros((side, side), np.float32)
    for length in _LENGTHS:
        kernel = streaks(np.array([angle]), length * scale, round(3 * length * scale))[0]
        threads = np.asarray(cv2.filter2D(speckles, -1, kernel), np.float32)
        drawn += np.abs(threads / threads.std())
    drawn = np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.5 * scale), np.float32)
    return np.asarray((drawn - drawn.mean()) / drawn.std(), np.float32)
