"""Edge density, variance and gradient of pictures, in one pass of whole-batch operations.

Reference: DART Eq. 1-7.
Differs from the paper: nothing; what it leaves open is in `dart_stream.difficulty.definition`.

A chunk of pictures lies in memory as one long row of grey values, and a pixel's neighbour is the
same row read a little later. So every operation is one loop over contiguous memory, where slices of
pictures would be a loop of 30 numbers a picture's row. Windows that reach over a picture's right or
lower border hold nonsense, which sums leave out.
"""

from typing import Final

import numpy as np

from dart_stream.difficulty.colours import measure_colours
from dart_stream.difficulty.compiled import compiled_kernel
from dart_stream.difficulty.definition import EDGE_FLOOR, EDGE_MARGIN, GRADIENT_RANGE, Floats
from dart_stream.difficulty.pictures import Images, in_chunks, is_interleaved, size_of
from dart_stream.difficulty.workspace import Workspace, Workspaces

_workspaces: Final = Workspaces()


def difficulty_parts(images: Images) -> Floats:
    """Measure edge density, variance and gradient of each picture.

    Bytes are measured by compiled code where numba is installed, which gives the same within
    rounding in a quarter of the time (`dart_stream.difficulty.kernel`).

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
    size_of(images)
    compiled = compiled_kernel() if is_interleaved(images) else None
    if compiled is None:
        return parts_by_numpy(images)
    parts: Floats = compiled.parts_of_bytes(images)
    return parts


def parts_by_numpy(images: Images) -> Floats:
    """The same, whatever is installed."""
    return in_chunks(images, _parts_of_chunk)


def _parts_of_chunk(images: Images) -> Floats:
    space = _workspaces((len(images), *size_of(images)))
    parts = np.empty((len(images), 3))
    parts[:, 1] = measure_colours(images, space)
    parts[:, 0] = _edges(space)
    parts[:, 2] = _sum_of_laplacians(space)
    parts *= (1 / space.windows, 1, 1 / (GRADIENT_RANGE * space.windows))
    np.maximum(parts, 0, out=parts)  # sums are rounded
    np.minimum(parts, 1, out=parts)
    return parts.astype(np.float32)


def _edges(space: Workspace) -> Floats:
    """Number of edges, (n,).

    With the sums of 2x2 pixels above left, above right, below left and below right of the centre,
        gx = (ne + se) - (nw + sw),  gy = (sw + se) - (nw + ne),
        (gx^2 + gy^2) / 2 = (se - nw)^2 + (ne - sw)^2.
    """
    (first, second, third), grey, width = space.rows, space.grey, space.shape[2]
    total = len(third)
    pairs = np.add(grey[:-1], grey[1:], out=first[:-1])
    boxes = np.add(pairs[:-width], pairs[width:], out=second)
    falling = np.subtract(boxes[width + 1 :], boxes[:total], out=third)
    rising = np.subtract(boxes[1 : total + 1], boxes[width : width + total], out=first[:total])
    np.square(falling, out=falling)
    np.square(rising, out=rising)
    half_squared = np.add(falling, rising, out=falling).reshape(-1, len(space.inside))
    threshold = np.vecdot(half_squared, space.inside)[:, np.newaxis]
    threshold *= np.float32((1 + EDGE_MARGIN) ** 2 / space.windows)
    np.maximum(threshold, np.float32(EDGE_FLOOR**2 / 2), out=threshold)
    is_edge = np.greater(half_squared, threshold, out=second[:total].reshape(half_squared.shape))
    edges: Floats = np.vecdot(is_edge, space.inside)
    return edges


def _sum_of_laplacians(space: Workspace) -> Floats:
    """Absolute four-neighbour Laplacians, (n,); overwrites the grey values."""
    (first, _, third), grey, width = space.rows, space.grey, space.shape[2]
    total = len(third)
    corners = np.add(grey[1 : total + width + 2], grey[width:-1], out=first[: total + width + 1])
    around = np.add(corners[:total], corners[width + 1 :], out=third)  # up, left; right, down
    centre = grey[width + 1 : total + width + 1]
    np.multiply(centre, np.float32(4), out=centre)
    laplacian = np.subtract(around, centre, out=around)
    np.abs(laplacian, out=laplacian)
    sums: Floats = np.vecdot(laplacian.reshape(-1, len(space.inside)), space.inside)
    return sums
