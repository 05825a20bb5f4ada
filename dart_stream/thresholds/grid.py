"""Scores of the early exits, cut into bins: the thresholds that a search may choose from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.errors import DataError

Floats = NDArray[np.float64]

MAX_EXACT_EXITS: Final = 5
"""Early exits that an exact search takes; more make too many vectors."""

_MARGIN: Final = 1e-3
"""Of the lowest cut below the lowest score."""

_LEVELS: Final = {1: 1024, 2: 256, 3: 64, 4: 32, 5: 16}
"""Cuts an exit by number of early exits: 66 k to 1.4 M vectors."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Thresholds to choose from, and where each picture's scores lie among them.

    Attributes:
        cuts: for each early exit its thresholds, rising; a score leaves at a cut if it is at
            least as high.
        bins: [N, K]: how many cuts of exit k are at most the picture's score there, so that the
            picture leaves at cut t if its bin is above t, and never at the one behind the last.
    """

    cuts: tuple[Floats, ...]
    bins: NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, ...]:
        """Choices at each exit: its cuts, and to disable it."""
        return tuple(len(cut) + 1 for cut in self.cuts)

    def thresholds(self, indices: Sequence[int]) -> list[float | None]:
        """The vector of thresholds at these indices; None where the exit is disabled."""
        return [
            float(cuts[t]) if t < len(cuts) else None
            for cuts, t in zip(self.cuts, indices, strict=True)
        ]


def quantile_grid(scores: Floats, levels: int | None = None) -> Grid:
    """Cut each exit's scores at evenly spaced quantiles.

    Args:
        scores: [N, K] of K early exits, on any scale that rises with certainty.
        levels: cuts an exit at most; None takes as many as an exact search can afford. With as
            many as pictures every distinct score is a cut, and the grid leaves nothing out.

    Raises:
        DataError: no pictures, no exits, or too many exits.
    """
    n, early = scores.shape
    if not n or not 1 <= early <= MAX_EXACT_EXITS:
        raise DataError(
            f"thresholds: expected pictures and 1 to {MAX_EXACT_EXITS} early exits, "
            f"got {n} pictures and {early} early exits"
        )
    count = _LEVELS[early] if levels is None else levels
    cuts = tuple(_cuts(column, count) for column in scores.T)
    bins = [
        np.searchsorted(cut, column, "right") for cut, column in zip(cuts, scores.T, strict=True)
    ]
    return Grid(cuts, np.stack(bins, axis=1))


def _cuts(scores: Floats, count: int) -> Floats:
    """Thresholds below scores of evenly spaced ranks, each once.

    Halfway to the next lower score, so that no rounding decides who leaves.
    """
    distinct = np.unique(scores)
    below = np.concatenate([[distinct[0] - 2 * _MARGIN], distinct[:-1]])
    ranks = np.linspace(0, len(scores) - 1, min(count, len(scores))).round().astype(np.intp)
    chosen = np.unique(np.searchsorted(distinct, np.sort(scores)[ranks]))
    cuts: Floats = (below[chosen] + distinct[chosen]) / 2
    return cuts
