"""Grey values of pictures, and the variance of their colours.

Reference: DART Eq. 5-6.
Differs from the paper: computed as mean square less squared mean, which reads the pixels once.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty.definition import GREY, VARIANCE_RANGE, Floats
from dart_stream.difficulty.pictures import (
    Images,
    is_interleaved,
    require_unit_range,
    size_of,
)

_BYTE_MAX: Final = 255
_GREY: Final = np.array(GREY, dtype=np.float32)
_GREY_OF_BYTES: Final = _GREY / np.float32(_BYTE_MAX)
_PIXELS_OF_A_SUM: Final = 1 << 14


def measure_colours(images: Images, values: Floats, grey: Floats) -> Floats:
    """Write grey values and return the variance of colours.

    Sums of products run over one picture each, so that the order of additions, and with it the last
    bit, is the same in every batch.

    Args:
        images: in either form, see `dart_stream.difficulty.pictures`.
        values: room for as many numbers.
        grey: float32 (n, height * width), to be filled with values in [0, 1].

    Returns:
        float32 (n,) in [0, 1].

    Raises:
        DataError: numbers outside [0, 1].
    """
    np.copyto(values.reshape(images.shape), images)
    if is_interleaved(images):
        np.matmul(values.reshape(*grey.shape, 3), _GREY_OF_BYTES, out=grey)
        sums, brightest = _sums_of_interleaved(values.reshape(images.shape)), _BYTE_MAX
    else:
        require_unit_range(values)
        np.matmul(_GREY, values.reshape(len(images), 3, -1), out=grey)
        sums, brightest = _sums_of_planes(values.reshape(images.shape)), 1
    height, width = size_of(images)
    rows = values.reshape(len(images), _parts_of_a_sum(height, width), -1)
    squares = _total(np.vecdot(rows, rows))
    pixels = height * width
    # A flat picture's can come out a rounding below zero.
    scaled = np.maximum(squares * pixels - np.vecdot(sums, sums), 0)
    scaled /= 3 * VARIANCE_RANGE * (pixels * brightest) ** 2
    variance: Floats = scaled.astype(np.float32)
    return variance


def _sums_of_interleaved(values: Floats) -> NDArray[np.float64]:
    """Sum of each colour (n, 3): first over rows, which is one loop, then over what is left."""
    n, height, width, _ = values.shape
    ones, masks = _masks(height, width)
    columns = np.matmul(ones, values.reshape(n, 1, height, width * 3))
    sums: NDArray[np.float64] = np.vecdot(columns, masks).astype(np.float64)
    return sums


def _sums_of_planes(values: Floats) -> NDArray[np.float64]:
    """Sum of each colour (n, 3)."""
    n, _, height, width = values.shape
    pieces = values.reshape(n, 3, _parts_of_a_sum(height, width), -1)
    ones = np.ones(pieces.shape[-1], np.float32)
    return _total(np.vecdot(pieces, ones))


def _parts_of_a_sum(height: int, width: int) -> int:
    """How many sums in single precision a sum over a picture is made of.

    One row at a time is exact enough for the difference of two large sums, and slow if rows are
    short; a small picture can be summed at once.
    """
    return height if height * width > _PIXELS_OF_A_SUM else 1


def _total(sums: Floats) -> NDArray[np.float64]:
    total: NDArray[np.float64] = sums.sum(axis=-1, dtype=np.float64)
    return total


@lru_cache(maxsize=4)
def _masks(height: int, width: int) -> tuple[Floats, Floats]:
    """Ones (height,), and where an interleaved row holds red, green and blue (3, width * 3)."""
    return np.ones(height, np.float32), np.tile(np.eye(3, dtype=np.float32), width)
