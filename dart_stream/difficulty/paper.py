"""Alpha of the paper: the weighted sum of the parts.

Reference: DART Eq. 8.
Differs from the paper: nothing; what it leaves open is in `dart_stream.difficulty.definition`.
"""

import numpy as np

from dart_stream.difficulty.definition import (
    PAPER_WEIGHTS,
    Floats,
    Weights,
    require_weights,
    weighted_sum,
)
from dart_stream.difficulty.parts import difficulty_parts
from dart_stream.difficulty.pictures import Images


def paper_difficulty(images: Images, weights: Weights = PAPER_WEIGHTS) -> Floats:
    """Return alpha, the weighted sum of the parts: float32 (n,) in [0, 1].

    Args:
        images: as `difficulty_parts` takes them.
        weights: of edge density, variance and gradient; not negative, sum 1.
    """
    return paper_difficulty_of_parts(difficulty_parts(images), weights)


def paper_difficulty_of_parts(parts: Floats, weights: Weights = PAPER_WEIGHTS) -> Floats:
    """Return the same for measured parts (n, 3)."""
    require_weights(weights)
    return np.minimum(weighted_sum(parts, weights), np.float32(1))
