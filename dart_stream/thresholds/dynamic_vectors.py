"""Vectors of thresholds for more exits than all vectors can be counted for.

Reference: DART Eq. 11, see `thresholds.dynamic`.
Differs from the paper: its price of computation is swept, for the solution at one price is one
point of the frontier, on its convex hull; what lies between two neighbours is filled in halfway
steps on the scale of the scores.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.thresholds.dynamic import Answers, BinnedChain, Bins
from dart_stream.thresholds.grid import Floats

PRICES: Final[Floats] = np.concatenate([[0.0], np.geomspace(0.003, 30, 60)])
"""Of the full network's cost, in answers that are as they should be."""

_BETWEEN: Final = (0.25, 0.5, 0.75)


def dynamic_vectors(
    table: ExitTable, scores: Floats, wanted: NDArray[np.bool_], costs: Costs
) -> list[Floats]:
    """Cuts [early exits] on the scale of the scores, each vector once, from dear to cheap.

    Args:
        table: of N pictures.
        scores: [N, early exits]; a picture leaves where its score reaches the cut.
        wanted: [N, exits], whether each exit's answer is what it should be.
        costs: of the table's exits.

    Returns:
        Vectors of cuts; infinite where an exit is disabled.
    """
    own = Answers.of(table)
    scored = Answers(
        np.column_stack([scores, table.confidence[:, -1]]), own.answers, own.taken_from
    )
    chain = BinnedChain.of(scored, wanted, table.difficulty, Bins(difficulty=1))
    swept = [chain.thresholds(costs, float(price))[:, 0] for price in PRICES]
    lowest = scores.min(axis=0) - 1.0
    vectors = [np.where(np.isneginf(cuts), lowest, cuts) for cuts in swept]
    filled = [vectors[0]]
    for dear, cheap in pairwise(vectors):
        filled += [*_between(dear, cheap), cheap]
    distinct = [np.unique(column) for column in scores.T]
    return [np.array(cuts) for cuts in dict.fromkeys(_clear(distinct, each) for each in filled)]


def _between(dear: Floats, cheap: Floats) -> list[Floats]:
    """Steps from one vector to the next; an exit that only one of them has jumps in the middle."""
    both = np.isfinite(dear) & np.isfinite(cheap)
    with np.errstate(invalid="ignore"):
        return [
            np.where(both, dear + share * (cheap - dear), dear if share < 0.5 else cheap)
            for share in _BETWEEN
        ]


def _clear(distinct: Sequence[Floats], cuts: Floats) -> tuple[float, ...]:
    """Move each cut halfway to the next lower score, so that no rounding decides who leaves."""
    moved = cuts.tolist()
    for k, (scores, cut) in enumerate(zip(distinct, cuts, strict=True)):
        at = int(np.searchsorted(scores, cut))
        if 0 < at < len(scores):
            moved[k] = float((scores[at - 1] + scores[at]) / 2)
    return tuple(moved)
