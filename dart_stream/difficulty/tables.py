"""Difficulty of mode `dart`: parts seen against their distribution over the training set.

Reference: DART Eq. 8.
Differs from the paper: each part, then their weighted sum, goes through its distribution function.
The score is uniform on [0, 1] on the training distribution, so it cannot saturate, and weights are
comparable across parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty.compiled import compiled_kernel
from dart_stream.difficulty.definition import (
    PAPER_WEIGHTS,
    PART_NAMES,
    Floats,
    Weights,
    require_weights,
    weighted_sum,
)
from dart_stream.difficulty.distribution import Distribution
from dart_stream.difficulty.parts import difficulty_parts
from dart_stream.difficulty.pictures import Images
from dart_stream.errors import DataError, ModelError

KNOTS: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class DifficultyTables:
    """The training set's distribution of each part and of their weighted sum.

    `score` gives d = F_sum(sum_j w_j F_j(part_j)), with F the distribution functions through the
    knots. A picture busier than all training pictures gets exactly 1 and a flatter one exactly 0,
    so the mass at both ends tells of drift.

    Attributes:
        weights: of the three parts; not negative, sum 1.
        part_knots: float64 (3, 256), rising quantiles of each part at levels 0, 1/255, ..., 1.
        sum_knots: float64 (256,), the same of the weighted sum.
        curves: the four distribution functions, that of the weighted sum last.
    """

    weights: Weights
    part_knots: NDArray[np.float64]
    sum_knots: NDArray[np.float64]
    curves: tuple[Distribution, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_weights(self.weights, ModelError)
        knots = np.vstack([self.part_knots, self.sum_knots[np.newaxis]])
        for name, row in zip((*PART_NAMES, "sum"), knots, strict=True):
            _require_knots(name, row)
        self.part_knots.setflags(write=False)
        self.sum_knots.setflags(write=False)
        object.__setattr__(self, "curves", tuple(Distribution.through(row) for row in knots))

    def score(self, images: Images) -> Floats:
        """Return the difficulty of each picture, float32 (n,) in [0, 1].

        Args:
            images: as `difficulty_parts` takes them, sized as the model sees them.
        """
        return self.score_parts(difficulty_parts(images))

    def score_parts(self, parts: Floats) -> Floats:
        """Return the difficulty that belongs to measured parts (n, 3)."""
        compiled = compiled_kernel()
        if compiled is not None:
            scores: Floats = compiled.scores_of_parts(parts, self.curves, self.weights)
            return scores
        return self.score_parts_by_numpy(parts)

    def score_parts_by_numpy(self, parts: Floats) -> Floats:
        """The same, whatever is installed."""
        total = weighted_sum(self.part_levels(parts), self.weights)
        return self.curves[-1](total).astype(np.float32)

    def part_levels(self, parts: Floats) -> NDArray[np.float64]:
        """Return the share of training pictures below each part, (n, 3) in [0, 1]."""
        levels = [curve(parts[:, j]) for j, curve in enumerate(self.curves[:-1])]
        return np.stack(levels, axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, as `model.json` keeps them."""
        parts = dict(zip(PART_NAMES, self.part_knots.tolist(), strict=True))
        return {"weights": list(self.weights), "sum": self.sum_knots.tolist(), **parts}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ModelError: keys, lengths or values are not those of difficulty tables.
        """
        expected = {"weights", "sum", *PART_NAMES}
        if not isinstance(body, Mapping) or set(body) != expected:
            found = sorted(map(str, body)) if isinstance(body, Mapping) else type(body).__name__
            raise ModelError(f"difficulty tables: expected keys {sorted(expected)}, got {found}")
        weights = tuple(_floats(body, "weights", len(PART_NAMES)).tolist())
        part_knots = np.stack([_floats(body, name, KNOTS) for name in PART_NAMES])
        return cls(weights, part_knots, _floats(body, "sum", KNOTS))


def fit_difficulty(images: Images, weights: Weights = PAPER_WEIGHTS) -> DifficultyTables:
    """Learn the distribution of each part from training pictures.

    Args:
        images: as `difficulty_parts` takes them, not augmented, sized as the model sees them; a
            few thousand are enough for 256 knots.
        weights: of edge density, variance and gradient; not negative, sum 1.

    Raises:
        DataError: no pictures, or weights that are none.
    """
    return fit_difficulty_to_parts(difficulty_parts(images), weights)


def fit_difficulty_to_parts(parts: Floats, weights: Weights = PAPER_WEIGHTS) -> DifficultyTables:
    """Do `fit_difficulty` on measured parts (n, 3): a search over weights measures pixels once."""
    require_weights(weights)
    if len(parts) == 0:
        raise DataError("difficulty: expected at least one training picture, got none")
    part_knots = np.stack([_quantiles(column) for column in parts.T])
    levels = [Distribution.through(row)(parts[:, j]) for j, row in enumerate(part_knots)]
    sum_knots = _quantiles(weighted_sum(np.stack(levels, axis=1), weights))
    return DifficultyTables(weights, part_knots, sum_knots)


def _quantiles(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    knots: NDArray[np.float64] = np.quantile(values.astype(np.float64), np.linspace(0, 1, KNOTS))
    return knots


def _require_knots(name: str, knots: NDArray[np.float64]) -> None:
    if knots.shape != (KNOTS,) or not np.all(np.isfinite(knots)) or np.any(np.diff(knots) < 0):
        raise ModelError(
            f"difficulty tables: {name}: expected {KNOTS} finite knots that never fall, "
            f"got {knots.size} from {knots.min()} to {knots.max()}"
        )


def _floats(body: Mapping[str, Any], key: str, length: int) -> NDArray[np.float64]:
    values = body[key]
    is_list = isinstance(values, (list, tuple)) and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in values
    )
    if not is_list or len(values) != length:
        found = f"{len(values)} entries" if isinstance(values, (list, tuple)) else repr(values)
        raise ModelError(f"difficulty tables: {key}: expected {length} numbers, got {found}")
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError as error:
        raise ModelError(
            f"difficulty tables: {key}: expected numbers, got one too large"
        ) from error
