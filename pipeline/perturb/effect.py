"""What an effect is: a function from a batch of crops to a batch of crops.

An effect treats each crop by itself: what becomes of one never depends on its batch mates, and its
chance comes from the generator of that crop alone. It never writes to what it is given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Crops = NDArray[np.uint8]
"""(n, height, width, 3), RGB."""
Levels = NDArray[np.float32]
"""The same in floating point, 0 to 255; what lies outside is cut off after the last effect."""

PUBLISHED_SIDE: Final = 32
"""Pixels of the pictures that the severities were made for."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What n crops are perturbed with.

    Attributes:
        generators: one a crop.
        progress: float32 (n,), how far each crop is through its phase, in (0, 1].
    """

    generators: Sequence[np.random.Generator]
    progress: NDArray[np.float32]


Effect = Callable[[Levels, int, Draw], Levels]
"""(crops, severity from 1 to 5, chance) -> crops."""


def scale_of(crops: Levels) -> float:
    """How many pixels stand for one of the published severities' pixels."""
    height, width = crops.shape[1:3]
    return float(min(height, width)) / PUBLISHED_SIDE


def each(crops: Levels, of_one: Callable[[Levels, int], Levels]) -> Levels:
    """Do something to each crop; `of_one` gets the crop (height, width, 3) and its place."""
    changed = np.empty_like(crops)
    for index, crop in enumerate(crops):
        changed[index] = of_one(crop, index)
    return changed
