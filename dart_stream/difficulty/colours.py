"""Grey values of pictures, and the variance of their colours.

Reference: DART Eq. 5-6.
Differs from the paper: computed as mean square less squared mean, which reads the pixels once.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty.definition import GREY, VARIANCE_RANGE, Floats
from dart_stream.difficulty.pictures import Images, is_interleaved, require_unit_range
from dart_stream.difficulty.workspace import Workspace

Sums = NDArray[np.float64]

_BYTE_MAX: Final = 255
_GREY: Final = np.array(GREY, dtype=np.float32)
_GREY_OF_BYTES: Final = _GREY / np.float32(_BYTE_MAX)


def measure_colours(images: Images, space: Workspace) -> Sums:
    """Write grey values in [0, 1] to the workspace and return the variance of colours.

    Every sum of products runs over one picture, so that the order of additions, and with it the
    last bit, is the same in every batch.

    Args:
        images: in either form, see `dart_stream.difficulty.pictures`.
        space: of their shape.

    Returns:
        float64 (n,), in [0, 1] within rounding.

    Raises:
        DataError: numbers outside [0, 1].
    """
    n, height, width = space.shape
    pixels, values = height * width, space.values
    grey = space.grey[: n * pixels].reshape(n, pixels)
    np.copyto(values.reshape(images.shape), images)
    if is_interleaved(images):
        brightest = _BYTE_MAX
        np.matmul(values.reshape(n, pixels, 3), _GREY_OF_BYTES, out=grey)
        sums = _sums_of_interleaved(space)
    else:
        require_unit_range(values)
        brightest = 1
        planes = values.reshape(n, 3, pixels)
        np.matmul(_GREY, planes, out=grey)
        sums = _products(planes, np.ones(pixels, np.float32), space.pieces)
    rows = values.reshape(n, -1)
    variance = _products(rows, rows, space.pieces) * pixels
    variance -= np.vecdot(sums, sums)
    variance *= 1 / (3 * VARIANCE_RANGE * (pixels * brightest) ** 2)
    return variance


def _sums_of_interleaved(space: Workspace) -> Sums:
    """Sum of each colour (n, 3): first over rows, which is one loop, then over what is left."""
    n, height, width = space.shape
    columns = np.matmul(space.ones, space.values.reshape(n, 1, height, width * 3))
    sums: Sums = np.vecdot(columns, space.masks).astype(np.float64)
    return sums


def _products(rows: Floats, others: Floats, pieces: int) -> Sums:
    """Scalar products along the last axis, each the sum of those of its pieces."""
    products = np.vecdot(_cut(rows, pieces), _cut(others, pieces))
    sums: Sums = np.add.reduce(products, axis=-1, dtype=np.float64)
    return sums


def _cut(rows: Floats, pieces: int) -> Floats:
    return rows.reshape(*rows.shape[:-1], pieces, -1)
