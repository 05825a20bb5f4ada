"""The vector of thresholds that is expected to be right most often within a budget.

Expected, not counted: see `expected_accuracy`. What was counted still has a say: a vector that
answers fewer pictures of its own table right than one threshold alone would is not taken, so that
the choice is never below those on the pictures that chose it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.policies import DartPolicy, replay
from dart_stream.thresholds.budget import best_within
from dart_stream.thresholds.expected import expected_accuracy
from dart_stream.thresholds.one_threshold import Sweep, sweep
from dart_stream.thresholds.point import FrontierPoint, counted
from dart_stream.thresholds.scores import exit_scores, probability_of
from dart_stream.thresholds.vectors import score_vectors

_ROUNDING: Final = 1e-9


def best_within_budgets(
    table: ExitTable,
    costs: Costs,
    budgets: Sequence[float],
    betas: Sequence[float] = (0.0,),
    levels: int | None = None,
) -> dict[float, FrontierPoint]:
    """The best vector for each budget that any keeps to, by budget.

    Args:
        table: of labelled pictures that the model was not trained on.
        costs: of its parts.
        budgets: mean cost of a picture as a share of the full network's.
        betas: sensitivities to difficulty that compete, 0 first.
        levels: see `quantile_grid`.
    """
    expected = expected_accuracy(table)
    single = _single_thresholds(table, costs)
    limits = {budget: budget * costs.plain() for budget in budgets}
    alone = {budget: _best(single, limit) for budget, limit in limits.items()}
    found: dict[float, list[FrontierPoint]] = {budget: [] for budget in budgets}
    for beta in betas:
        vectors = score_vectors(table, costs, "expected", beta, levels, expected)
        accuracy, chances = vectors.worth("accuracy"), vectors.worth("expected")
        for budget, points in found.items():
            best = alone[budget]
            least = -np.inf if best is None else best.accuracy - _ROUNDING
            admitted = np.where(accuracy >= least, chances, -np.inf)
            at = best_within(vectors.cost, admitted, limits[budget])
            if at is not None and np.isfinite(admitted[at]):
                points.append(vectors.point(at))
    for budget, points in found.items():
        best = alone[budget]
        if not points and best is not None:  # a coarse grid, or a search that is not exact
            points.append(_point_of(best, table, costs, expected))
    return {budget: max(points, key=_expected) for budget, points in found.items() if points}


def _expected(point: FrontierPoint) -> float:
    assert point.expected is not None, "asked for"
    return point.expected


@dataclass(frozen=True, slots=True)
class _Single:
    """One threshold: at all early exits, or at one of them alone.

    Attributes:
        thresholds: the vector that it is.
        accuracy: counted.
    """

    thresholds: tuple[float | None, ...]
    accuracy: float


def _single_thresholds(table: ExitTable, costs: Costs) -> list[tuple[list[int], Sweep]]:
    """One threshold that all early exits share, and one at each alone, with the exits it is at."""
    scores, worth = exit_scores(table, 0.0), table.correct.astype(np.float64)
    early, paid = scores.shape[1], costs.paid(reads_difficulty=False)
    swept = []
    for exits in [list(range(early)), *([k] for k in range(early))]:
        spent = paid.up_to_exit([k in exits for k in range(early)])
        kept = [*exits, early]
        span = (-np.inf, np.inf)
        swept.append((exits, sweep(scores[:, exits], worth[:, kept], spent[kept], span=span)))
    return swept


def _best(single: Sequence[tuple[list[int], Sweep]], limit: float) -> _Single | None:
    """The one that counts most right answers within a limit; None if none is that cheap."""
    found, early = [], len(single) - 1
    for exits, swept in single:
        at = best_within(swept.cost, swept.worth, limit)
        if at is not None:
            tau = probability_of(float(swept.thresholds[at]))
            thresholds = tuple(tau if k in exits else None for k in range(early))
            found.append(_Single(thresholds, float(swept.worth[at])))
    return max(found, key=lambda each: each.accuracy, default=None)


def _point_of(
    single: _Single, table: ExitTable, costs: Costs, expected: NDArray[np.float64]
) -> FrontierPoint:
    policy = DartPolicy(thresholds=single.thresholds)
    exits = replay(policy, table.probabilities, table.difficulty)
    return counted(table, costs, policy, exits, expected)
