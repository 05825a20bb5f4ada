"""Memory for measuring pictures of one size, which stays between calls.

Mapping fresh pages takes longer than the arithmetic on them.
"""

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np

from dart_stream.difficulty.definition import Floats

_SHAPES_KEPT = 8  # a thread
_PIXELS_KEPT = 1 << 16  # 1 MB; whoever measures larger pictures maps pages
_PIXELS_OF_A_SUM = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Workspace:
    """Room for intermediate results: rows with a number for each pixel of n pictures.

    Attributes:
        shape: n, height and width.
        values: (3 * n * height * width,), the colours; it shares its memory with `rows`.
        rows: three; the first has room for two rows of pixels more, the second for one.
        grey: as long as the first, and zero behind the last picture.
        inside: float32 (height * width,), 1 where the 3x3 window that starts there fits, else 0.
        windows: how many fit into a picture.
        ones: float32 (height,).
        masks: float32 (3, width * 3), 1 where an interleaved row holds red, green and blue.
        pieces: of which sums over a large picture are made: in single precision the difference of
            two of them, a variance, would be off.
    """

    shape: tuple[int, int, int]
    values: Floats
    rows: tuple[Floats, Floats, Floats]
    grey: Floats
    inside: Floats
    windows: int
    ones: Floats
    masks: Floats
    pieces: int

    @classmethod
    def of(cls, shape: tuple[int, int, int]) -> Self:
        """Map memory."""
        n, height, width = shape
        total = n * height * width
        one_more, two_more = total + width + 1, total + 2 * width + 2
        memory, grey = allocate(two_more + one_more + total), allocate(two_more)
        grey[total:] = 0  # windows of the last picture read it where they do not count
        inside = np.zeros((height, width), np.float32)
        inside[:-2, :-2] = 1
        return cls(
            shape,
            values=memory[: 3 * total],
            rows=(memory[:two_more], memory[two_more:-total], memory[-total:]),
            grey=grey,
            inside=inside.ravel(),
            windows=(height - 2) * (width - 2),
            ones=np.ones(height, np.float32),
            masks=np.tile(np.eye(3, dtype=np.float32), width),
            pieces=height if height * width >= _PIXELS_OF_A_SUM else 1,
        )


class Workspaces(threading.local):
    """Those of a thread."""

    def __init__(self) -> None:
        self._kept = lru_cache(maxsize=_SHAPES_KEPT)(Workspace.of)

    def __call__(self, shape: tuple[int, int, int]) -> Workspace:
        """One that holds anything, for use until the next call."""
        n, height, width = shape
        small = n * height * width <= _PIXELS_KEPT
        return self._kept(shape) if small else Workspace.of(shape)


def allocate(size: int) -> Floats:
    """Memory that nobody has written to."""
    return np.empty(size, np.float32)
