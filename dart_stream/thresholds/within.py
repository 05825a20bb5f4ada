"""The vector of thresholds that is expected to be right most often within a budget.

Expected, not counted: see `expected_accuracy`. What was counted still has a say: a vector that
answers fewer pictures of its own table right than one threshold alone would is not taken, so that
the choice is never below those on the pictures that chose it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.thresholds.budget import best_within
from dart_stream.thresholds.expected import expected_accuracy
from dart_stream.thresholds.grid import Floats
from dart_stream.thresholds.one_threshold import Sweep, sweep
from dart_stream.thresholds.point import FrontierPoint
from dart_stream.thresholds.scores import exit_scores
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
    sweeps = _single_thresholds(table, costs)
    found: dict[float, list[FrontierPoint]] = {budget: [] for budget in budgets}
    least: dict[float, float] = {}
    for beta in betas:
        vectors = score_vectors(table, costs, "expected", beta, levels, expected)
        accuracy, chances = vectors.worth("accuracy"), vectors.worth("expected")
        for budget, points in found.items():
            limit = budget * costs.plain()
            if budget not in least:  # thresholds without difficulty stand for all
                least[budget] = min(_best(sweeps, limit), _highest(vectors.cost, accuracy, limit))
            admitted = np.where(accuracy >= least[budget] - _ROUNDING, chances, -np.inf)
            at = best_within(vectors.cost, admitted, limit)
            if at is not None and np.isfinite(admitted[at]):
                points.append(vectors.point(at))
    return {budget: max(points, key=_expected) for budget, points in found.items() if points}


def _expected(point: FrontierPoint) -> float:
    assert point.expected is not None, "asked for"
    return point.expected


def _single_thresholds(table: ExitTable, costs: Costs) -> list[Sweep]:
    """One threshold that all early exits share, and one at each of them alone."""
    scores, worth = exit_scores(table, 0.0), table.correct.astype(np.float64)
    early, paid = scores.shape[1], costs.paid(reads_difficulty=False)
    sweeps = [sweep(scores, worth, paid.up_to_exit(), span=(-np.inf, np.inf))]
    for k in range(early):
        spent = paid.up_to_exit([k == other for other in range(early)])
        kept = [k, early]
        sweeps.append(sweep(scores[:, [k]], worth[:, kept], spent[kept], span=(-np.inf, np.inf)))
    return sweeps


def _best(sweeps: Sequence[Sweep], limit: float) -> float:
    return max(_highest(each.cost, each.worth, limit) for each in sweeps)


def _highest(cost: Floats, accuracy: Floats, limit: float) -> float:
    """Highest accuracy within a limit; below all of them if nothing is that cheap."""
    return float(np.where(cost <= limit, accuracy, -np.inf).max())
