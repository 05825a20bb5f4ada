"""Difficulty of interleaved pictures in one compiled pass; importing this needs numba.

A dozen operations on whole batches, as `dart_stream.difficulty.parts` needs them with numpy, each
find memory and code anew after a network has filled the caches. This is one call, and what it
needs of a picture stays in the first-level cache. It takes a quarter of the time.

Reference: DART Eq. 1-7.
Differs from the paper: nothing; what it leaves open is in `dart_stream.difficulty.definition`.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty.definition import (
    EDGE_FLOOR,
    EDGE_MARGIN,
    GRADIENT_RANGE,
    GREY,
    VARIANCE_RANGE,
    Floats,
)
from dart_stream.difficulty.distribution import Distribution
from dart_stream.difficulty.pictures import Images

Bytes = NDArray[np.uint8]
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
Curves = tuple[Curve, ...]
"""Values and levels of each part's distribution, and of the sum's."""
_Function = TypeVar("_Function", bound=Callable[..., Any])

_BYTE_MAX: Final = 255
_RED, _GREEN, _BLUE = (np.float32(share / _BYTE_MAX) for share in GREY)
_FOUR: Final = np.float32(4)
_FLOOR: Final = EDGE_FLOOR**2 / 2
_MARGIN: Final = (1 + EDGE_MARGIN) ** 2
_VARIANCE_SCALE: Final = 3 * VARIANCE_RANGE * _BYTE_MAX**2
# Unsigned: an index that might be negative is looked at each time, and then no loop is a vector's.
_ONE, _TWO, _THREE = np.uintp(1), np.uintp(2), np.uintp(3)
_PIXELS_OF_A_SUM: Final = 8192
"""Squares of three bytes each fit into 32 bits, and a sum in single precision is exact enough."""


def _compiled(function: _Function) -> _Function:
    """Compile at the first call, and keep that beside this file or in the user's cache."""
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        # Sums may be taken in another order, so that they are vectors; it is always the same one.
        "fastmath": {"reassoc", "contract", "nsz", "arcp"},
    }
    try:
        compiled: _Function = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither place can be written
        compiled = numba.njit(**options)(function)
    return compiled


def parts_of_bytes(images: Images) -> Floats:
    """Measure pictures: what `difficulty_parts` does for uint8 (n, height, width, 3)."""
    height, width = images.shape[1:3]
    parts = np.empty((len(images), 3), np.float32)
    rows = np.ascontiguousarray(images, np.uint8).reshape(len(images), height * width * 3)
    _fill_parts(rows, _inside(height, width), height, width, parts)
    return parts


def scores_of_parts(
    parts: Floats, curves: Sequence[Distribution], weights: Sequence[float]
) -> Floats:
    """Difficulty of measured parts: what `DifficultyTables.score_parts` does."""
    scores = np.empty(len(parts), np.float32)
    pairs = tuple((curve.values, curve.levels) for curve in curves)
    _fill_scores(parts, pairs, tuple(weights), scores)
    return scores


@lru_cache(maxsize=8)
def _inside(height: int, width: int) -> Floats:
    """1 where the 3x3 window that starts at a pixel fits into the picture, else 0."""
    inside = np.zeros((height, width), np.float32)
    inside[:-2, :-2] = 1
    return inside.ravel()


@_compiled
def _fill_parts(images: Bytes, inside: Floats, height: int, width: int, parts: Floats) -> None:
    pixels, windows = height * width, (height - 2) * (width - 2)
    grey = np.empty(pixels, np.float32)
    half_squared = np.empty(pixels - 2 * width - 2, np.float32)
    for n in range(len(images)):
        spread = _fill_grey(images[n], grey)
        squared, laplacian = _fill_half_squared(grey, inside, width, half_squared)
        threshold = np.float32(max(squared * _MARGIN / windows, _FLOOR))
        parts[n, 0] = _count_above(half_squared, threshold) / windows
        parts[n, 1] = min(spread / (_VARIANCE_SCALE * float(pixels) ** 2), 1.0)
        parts[n, 2] = min(laplacian / (GRADIENT_RANGE * windows), 1.0)


@_compiled
def _fill_grey(values: Bytes, grey: Floats) -> float:
    """Write grey values (pixels,); return the sum of colours' variances times pixels squared."""
    pixels = len(grey)
    red_sum = green_sum = blue_sum = square_sum = 0.0
    for start in range(0, pixels, _PIXELS_OF_A_SUM):
        piece = grey[start : start + _PIXELS_OF_A_SUM]
        reds, greens, blues, squares = _fill_grey_piece(values[3 * start :], piece)
        red_sum += float(reds)
        green_sum += float(greens)
        blue_sum += float(blues)
        square_sum += float(squares)
    return square_sum * pixels - (red_sum**2 + green_sum**2 + blue_sum**2)


@_compiled
def _fill_grey_piece(
    values: Bytes, grey: Floats
) -> tuple[np.signedinteger, np.signedinteger, np.signedinteger, np.signedinteger]:
    """Write grey values; return the sums of red, green, blue and of all their squares."""
    reds = greens = blues = squares = np.int32(0)
    for x in range(np.uintp(len(grey))):
        red = np.int32(values[_THREE * x])
        green = np.int32(values[_THREE * x + _ONE])
        blue = np.int32(values[_THREE * x + _TWO])
        grey[x] = np.float32(red) * _RED + np.float32(green) * _GREEN + np.float32(blue) * _BLUE
        reds += red
        greens += green
        blues += blue
        squares += red * red + green * green + blue * blue
    return reds, greens, blues, squares


@_compiled
def _fill_half_squared(
    grey: Floats, inside: Floats, width: int, half_squared: Floats
) -> tuple[float, float]:
    """Write half the squared Sobel magnitudes; return their sum and that of the Laplacians."""
    squared_sum = laplacian_sum = 0.0
    for start in range(0, len(half_squared), _PIXELS_OF_A_SUM):
        piece = half_squared[start : start + _PIXELS_OF_A_SUM]
        squared, laplacian = _fill_piece(grey[start:], inside[start:], width, piece)
        squared_sum += float(squared)
        laplacian_sum += float(laplacian)
    return squared_sum, laplacian_sum


@_compiled
def _fill_piece(
    grey: Floats, inside: Floats, width: int, half_squared: Floats
) -> tuple[np.float32, np.float32]:
    """Each window by the pixel where it starts; `dart_stream.difficulty.parts` has the formula."""
    below, lowest = np.uintp(width), np.uintp(2 * width)
    squared, laplacian = np.float32(0), np.float32(0)
    for x in range(np.uintp(len(half_squared))):
        up_left, up, up_right = grey[x], grey[x + _ONE], grey[x + _TWO]
        left, centre, right = grey[x + below], grey[x + below + _ONE], grey[x + below + _TWO]
        low_left, low = grey[x + lowest], grey[x + lowest + _ONE]
        low_right = grey[x + lowest + _TWO]
        falling = (centre + right + low + low_right) - (up_left + up + left + centre)
        rising = (up + up_right + centre + right) - (left + centre + low_left + low)
        half = (falling * falling + rising * rising) * inside[x]
        half_squared[x] = half
        squared += half
        laplacian += abs(up + low + left + right - _FOUR * centre) * inside[x]
    return squared, laplacian


@_compiled
def _count_above(values: Floats, threshold: np.float32) -> int:
    count = 0
    for value in values:
        count += value > threshold
    return count


@_compiled
def _fill_scores(parts: Floats, curves: Curves, weights: Sequence[float], scores: Floats) -> None:
    for n in range(len(parts)):
        total = weights[0] * _level(parts[n, 0], curves[0])
        total += weights[1] * _level(parts[n, 1], curves[1])
        total += weights[2] * _level(parts[n, 2], curves[2])
        scores[n] = _level(np.float32(total), curves[3])


@_compiled
def _level(x: np.float32, curve: Curve) -> float:
    """Value of a distribution function, as `Distribution` has it."""
    values, levels = curve
    if x < values[0]:
        return 0.0
    if x >= values[-1]:
        return 1.0 if x > values[-1] else float(levels[-1])
    k = np.searchsorted(values, x, side="right") - 1
    slope = (levels[k + 1] - levels[k]) / (values[k + 1] - values[k])
    return float(levels[k] + slope * (x - values[k]))
