"""Memory that stays between calls: mapping fresh pages takes longer than the arithmetic on them."""

import threading
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty.definition import Floats

_MAX_KEPT = 1 << 20  # numbers, 4 MB a thread; whoever measures larger pictures maps pages


class Scratch(threading.local):
    """Arrays of a thread, one after another in one piece of memory."""

    def __init__(self) -> None:
        self._memory = allocate(0)

    def carve(self, sizes: Sequence[int]) -> list[Floats]:
        """Arrays of these lengths with anything in them, valid until the next call."""
        total = sum(sizes)
        memory = self._memory if total <= len(self._memory) else allocate(total)
        if len(self._memory) < total <= _MAX_KEPT:
            self._memory = memory
        ends = accumulate(sizes)
        return [memory[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def allocate(size: int) -> NDArray[np.float32]:
    """Memory that nobody has written to."""
    return np.empty(size, np.float32)
