"""Pixels to difficulty in [0, 1].

Reference: DART Eq. 1-8.

Modes:

- `paper`: the weighted sum of three parts (`paper_difficulty`), which is alpha of Eq. 8;
- `dart`: each part, then their weighted sum, goes through its distribution over the training set
  (`DifficultyTables`). Differs from the paper: the score is uniform on [0, 1] on the training
  distribution, so it cannot saturate, and weights are comparable across parts;
- `paper-code`: what the authors' program computes (`paper_code_difficulty`), for comparison only.

Numpy, or numba where it is installed; `dart_stream.torch_difficulty` computes the same on tensors.
"""

from dart_stream.difficulty.compiled import measured_by
from dart_stream.difficulty.definition import (
    EDGE_FLOOR,
    PAPER_WEIGHTS,
    PART_NAMES,
    Floats,
    Weights,
)
from dart_stream.difficulty.flops import FLOPS_PER_PIXEL, estimator_flops
from dart_stream.difficulty.paper import paper_difficulty, paper_difficulty_of_parts
from dart_stream.difficulty.paper_code import paper_code_difficulty
from dart_stream.difficulty.parts import difficulty_parts
from dart_stream.difficulty.pictures import Images
from dart_stream.difficulty.tables import (
    KNOTS,
    DifficultyTables,
    fit_difficulty,
    fit_difficulty_to_parts,
)
from dart_stream.difficulty.weights import WeightSearch, search_weights

__all__ = [
    "EDGE_FLOOR",
    "FLOPS_PER_PIXEL",
    "KNOTS",
    "PAPER_WEIGHTS",
    "PART_NAMES",
    "DifficultyTables",
    "Floats",
    "Images",
    "WeightSearch",
    "Weights",
    "difficulty_parts",
    "estimator_flops",
    "fit_difficulty",
    "fit_difficulty_to_parts",
    "measured_by",
    "paper_code_difficulty",
    "paper_difficulty",
    "paper_difficulty_of_parts",
    "search_weights",
]
