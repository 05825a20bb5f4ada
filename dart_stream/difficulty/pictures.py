"""The two forms in which pictures come: bytes as cameras give them, numbers as networks take them.

Bytes are interleaved, uint8 (n, height, width, 3); numbers are planes of colour in [0, 1], float
(n, 3, height, width). The type tells which.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty.definition import Floats
from dart_stream.errors import DataError

Images = NDArray[np.uint8] | NDArray[np.floating]

_PIXELS_PER_CHUNK = 1 << 16  # 1 MB of intermediate results stays in the second-level cache


def in_chunks(images: Images, measure: Callable[[Images], Floats]) -> Floats:
    """Measure parts (n, 3) of few pictures at a time, so that they stay in the cache.

    Raises:
        DataError: the array is no batch of pictures.
    """
    height, width = size_of(images)
    step = max(1, _PIXELS_PER_CHUNK // (height * width))
    chunks = [measure(images[start : start + step]) for start in range(0, len(images), step)]
    return np.concatenate(chunks) if chunks else np.empty((0, 3), dtype=np.float32)


def is_interleaved(images: Images) -> bool:
    """Whether colours are interleaved bytes, and not planes."""
    return images.dtype == np.uint8


def size_of(images: Images) -> tuple[int, int]:
    """Height and width of a batch's pictures.

    Raises:
        DataError: it is of another type or shape, or pictures are too small for a derivative.
    """
    shape, interleaved = images.shape, is_interleaved(images)
    known = interleaved or images.dtype.kind == "f"
    if known and len(shape) == 4 and shape[3 if interleaved else 1] == 3:
        height, width = shape[1:3] if interleaved else shape[2:4]
        if min(height, width) >= 3:
            return height, width
    raise DataError(
        "difficulty: expected uint8 (n, height >= 3, width >= 3, 3) or "
        f"float (n, 3, height >= 3, width >= 3), got {images.dtype} {tuple(shape)}"
    )


def require_unit_range(values: Images) -> None:
    """Refuse numbers outside [0, 1].

    Raises:
        DataError: there are some, or NaN.
    """
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):
        raise DataError(
            "difficulty: expected float pictures in [0, 1], not normalised, "
            f"got values from {low} to {high}"
        )
