"""Edge density, variance and gradient of pictures, in one pass of whole-batch operations.

Reference: DART Eq. 1-7.
Differs from the paper: nothing; what it leaves open is in `dart_stream.difficulty.definition`.

A chunk of pictures lies in memory as one long row of grey values, and a pixel's neighbour is the
same row read a little later. So every operation is one loop over contiguous memory, where slices of
pictures would be a loop of 30 numbers a picture's row. Windows that reach over a picture's right or
lower border hold nonsense; `_Windows` leaves them out.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dart_stream.difficulty.colours import measure_colours
from dart_stream.difficulty.definition import EDGE_FLOOR, EDGE_MARGIN, GRADIENT_RANGE, Floats
from dart_stream.difficulty.pictures import Images, in_chunks, size_of
from dart_stream.difficulty.scratch import Scratch

_scratch = Scratch()


def difficulty_parts(images: Images) -> Floats:
    """Measure edge density, variance and gradient of each picture.

    Costs about 38 floating-point operations a pixel: 39 k for 32x32, see `estimator_flops`.

    Args:
        images: RGB pixels, at least 3x3: uint8 (n, height, width, 3), or float (n, 3, height,
            width) in [0, 1]. The same picture in either form has the same parts within rounding.

    Returns:
        float32 (n, 3), each in [0, 1], in the order of `PART_NAMES`; to the last bit the same
        whatever else is in the batch.

    Raises:
        DataError: the array is not such a batch.

    Reference: DART Eq. 1-7.
    """
    return in_chunks(images, _parts_of_chunk)


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    """The 3x3 windows of pictures of one size, named by their first pixel.

    Attributes:
        width: of a picture.
        inside: float32 (height * width,), 1 where a window fits into its picture, else 0.
        count: how many do.
    """

    width: int
    inside: Floats
    count: int

    def mean(self, values: Floats) -> Floats:
        """Mean over each picture's windows, (n,), of a value for each pixel of all pictures."""
        sums: Floats = np.vecdot(values.reshape(-1, len(self.inside)), self.inside)
        return sums / np.float32(self.count)


@lru_cache(maxsize=4)
def _windows(height: int, width: int) -> _Windows:
    inside = np.zeros((height, width), np.float32)
    inside[:-2, :-2] = 1
    return _Windows(width, inside.ravel(), (height - 2) * (width - 2))


def _parts_of_chunk(images: Images) -> Floats:
    n, (height, width) = len(images), size_of(images)
    total = n * height * width
    values, grey, first, second, third = _scratch.carve(
        [3 * total, total + 2 * width + 2, total + 2 * width + 1, total + width + 1, total]
    )
    grey[total:] = 0  # windows of the last picture read it where they do not count
    windows = _windows(height, width)
    parts = np.empty((n, 3), np.float32)
    parts[:, 1] = measure_colours(images, values, grey[:total].reshape(n, -1))
    parts[:, 0] = _edge_density(grey, windows, (first, second, third))
    parts[:, 2] = _mean_laplacian(grey, windows, (first, third)) / np.float32(GRADIENT_RANGE)
    return np.minimum(parts, np.float32(1), out=parts)  # sums are rounded


def _edge_density(grey: Floats, windows: _Windows, work: tuple[Floats, Floats, Floats]) -> Floats:
    """Share of edges, (n,).

    With the sums of 2x2 pixels above left, above right, below left and below right of the centre,
        gx = (ne + se) - (nw + sw),  gy = (sw + se) - (nw + ne),
        (gx^2 + gy^2) / 2 = (se - nw)^2 + (ne - sw)^2.
    """
    first, second, third = work
    width, total = windows.width, len(third)
    pairs = np.add(grey[:-1], grey[1:], out=first)
    boxes = np.add(pairs[:-width], pairs[width:], out=second)
    falling = np.subtract(boxes[width + 1 :], boxes[:total], out=third)
    rising = np.subtract(boxes[1 : total + 1], boxes[width : width + total], out=first[:total])
    np.square(falling, out=falling)
    np.square(rising, out=rising)
    half_squared = np.add(falling, rising, out=falling)
    threshold = windows.mean(half_squared) * np.float32((1 + EDGE_MARGIN) ** 2)
    np.maximum(threshold, np.float32(EDGE_FLOOR**2 / 2), out=threshold)
    is_edge = np.greater(
        half_squared.reshape(len(threshold), -1),
        threshold[:, np.newaxis],
        out=second[:total].reshape(len(threshold), -1),
    )
    return windows.mean(is_edge)


def _mean_laplacian(grey: Floats, windows: _Windows, work: tuple[Floats, Floats]) -> Floats:
    """Mean absolute four-neighbour Laplacian, (n,); overwrites the grey values."""
    first, second = work
    width, total = windows.width, len(second)
    corners = np.add(grey[1 : total + width + 2], grey[width:-1], out=first[: total + width + 1])
    around = np.add(corners[:total], corners[width + 1 :], out=second)  # up, left; right, down
    centre = grey[width + 1 : total + width + 1]
    np.multiply(centre, np.float32(4), out=centre)
    laplacian = np.subtract(around, centre, out=around)
    return windows.mean(np.abs(laplacian, out=laplacian))
