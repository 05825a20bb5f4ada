"""The whole accuracy-cost frontier: what no other vector of thresholds beats in both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.policies import DartPolicy, replay
from dart_stream.thresholds.dynamic_vectors import dynamic_vectors
from dart_stream.thresholds.exact import GridOutcomes, score_all
from dart_stream.thresholds.grid import MAX_EXACT_EXITS, Floats, Grid, quantile_grid
from dart_stream.thresholds.scores import exit_scores, probability_of

Worth = Literal["accuracy", "agreement"]


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """A vector of thresholds, and what it does to the pictures that it was chosen on.

    Attributes:
        thresholds: one per early exit, in (0, 1), None where the exit is disabled.
        beta: sensitivity to difficulty that belongs to them.
        cost: mean of a picture, in the unit of the costs.
        accuracy: share of right answers; None without labels.
        disagreement: share of answers that differ from the full network's.
    """

    thresholds: tuple[float | None, ...]
    beta: float
    cost: float
    accuracy: float | None
    disagreement: float


def find_frontier(
    table: ExitTable,
    costs: Costs,
    worth: Worth = "accuracy",
    betas: Sequence[float] = (0.0,),
    levels: int | None = None,
) -> list[FrontierPoint]:
    """Vectors of thresholds that none with less cost equals in worth, from cheap to dear.

    Up to five early exits it is exact on a grid: every vector on it was counted on every picture
    of the table. For more, vectors come from dynamic programming over a sweep of prices, and each
    is counted on every picture just the same.

    Args:
        table: of pictures that the model was not trained on.
        costs: of its parts.
        worth: what must not be lost: right answers, or the full network's answers.
        betas: sensitivities to difficulty that compete.
        levels: see `quantile_grid`.
    """
    points = [point for beta in betas for point in _of_one_beta(table, costs, worth, beta, levels)]
    points.sort(key=lambda point: point.cost)
    values = np.array([_value(point, worth) for point in points])
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(values)[:-1]])
    return [point for point, better in zip(points, values > best_before, strict=True) if better]


def full_depth(table: ExitTable, costs: Costs) -> FrontierPoint:
    """The network without early exits, which needs no difficulty either."""
    return FrontierPoint(
        thresholds=(None,) * (table.num_exits - 1),
        beta=0.0,
        cost=costs.plain(),
        accuracy=None if table.labels is None else float(table.correct[:, -1].mean()),
        disagreement=0.0,
    )


def score_point(
    table: ExitTable, costs: Costs, thresholds: tuple[float | None, ...], beta: float
) -> FrontierPoint:
    """Any thresholds, counted on every picture of a table.

    Args:
        table: of the pictures.
        costs: of the network's parts.
        thresholds: one per early exit, in (0, 1), None disables it.
        beta: sensitivity to difficulty.
    """
    policy = DartPolicy(thresholds=thresholds, beta=beta)
    exits = replay(policy, table.probabilities, table.difficulty)
    return _counted(table, costs, policy, exits)


def _counted(
    table: ExitTable, costs: Costs, policy: DartPolicy, exits: NDArray[np.int64]
) -> FrontierPoint:
    """The point of a policy under which pictures leave at `exits`, [N]."""
    watched = [tau is not None for tau in policy.thresholds]
    paid = costs.paid(reads_difficulty=policy.reads_difficulty)
    rows = np.arange(len(table))
    return FrontierPoint(
        thresholds=policy.thresholds,
        beta=policy.beta,
        cost=float(paid.up_to_exit(watched)[exits].mean()),
        accuracy=None if table.labels is None else float(table.correct[rows, exits].mean()),
        disagreement=1 - float(table.agrees[rows, exits].mean()),
    )


def _of_one_beta(
    table: ExitTable, costs: Costs, worth: Worth, beta: float, levels: int | None
) -> list[FrontierPoint]:
    if table.num_exits - 1 > MAX_EXACT_EXITS:
        return _of_dynamic_programming(table, costs, worth, beta)
    grid = quantile_grid(exit_scores(table, beta), levels)
    columns = [table.agrees.astype(np.float64)]
    if table.labels is not None:
        columns.append(table.correct.astype(np.float64))
    outcomes = score_all(grid, columns, costs.paid(reads_difficulty=beta > 0))
    wanted = outcomes.value[1 if worth == "accuracy" else 0]
    return [_point(grid, outcomes, beta, at) for at in undominated(outcomes.cost, wanted)]


def _of_dynamic_programming(
    table: ExitTable, costs: Costs, worth: Worth, beta: float
) -> list[FrontierPoint]:
    wanted = table.correct if worth == "accuracy" else table.agrees
    scores = exit_scores(table, beta)
    points = []
    for cuts in dynamic_vectors(table, scores, wanted, costs):
        thresholds = tuple(None if cut == np.inf else probability_of(cut) for cut in cuts)
        leaves = scores >= cuts  # as `replay`, which takes longer: this runs for hundreds
        exits = np.where(leaves.any(1), leaves.argmax(1), table.num_exits - 1)
        points.append(_counted(table, costs, DartPolicy(thresholds=thresholds, beta=beta), exits))
    return points


def undominated(cost: Floats, value: Floats) -> list[tuple[int, ...]]:
    """Indices of the entries that no cheaper or equal one reaches in value, from cheap to dear."""
    order = np.lexsort((-value.ravel(), cost.ravel()))
    sorted_values = value.ravel()[order]
    highest = np.maximum.accumulate(sorted_values)
    better = np.concatenate([[True], sorted_values[1:] > highest[:-1]])
    indices = np.unravel_index(order[better], cost.shape)
    return list(zip(*(axis.tolist() for axis in indices), strict=True))


def _point(grid: Grid, outcomes: GridOutcomes, beta: float, at: tuple[int, ...]) -> FrontierPoint:
    return FrontierPoint(
        thresholds=tuple(
            None if cut is None else probability_of(cut) for cut in grid.thresholds(at)
        ),
        beta=beta,
        cost=float(outcomes.cost[at]),
        accuracy=float(outcomes.value[1][at]) if len(outcomes.value) > 1 else None,
        disagreement=1 - float(outcomes.value[0][at]),
    )


def _value(point: FrontierPoint, worth: Worth) -> float:
    if worth == "agreement":
        return 1 - point.disagreement
    assert point.accuracy is not None, "a frontier of accuracy needs labels"
    return point.accuracy
