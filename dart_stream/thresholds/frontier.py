"""The whole accuracy-cost frontier: what no other vector of thresholds beats in both."""

from collections.abc import Sequence

import numpy as np

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.thresholds.expected import expected_accuracy
from dart_stream.thresholds.grid import Floats
from dart_stream.thresholds.point import FrontierPoint, Worth
from dart_stream.thresholds.vectors import Index, score_vectors


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
        worth: what must not be lost.
        betas: sensitivities to difficulty that compete.
        levels: see `quantile_grid`.
    """
    expected = expected_accuracy(table) if worth == "expected" else None
    found: list[tuple[FrontierPoint, float]] = []
    for beta in betas:
        vectors = score_vectors(table, costs, worth, beta, levels, expected)
        values = vectors.worth(worth)
        indices = undominated(vectors.cost, values)
        found += [(vectors.point(at), float(values[at])) for at in indices]
    found.sort(key=lambda each: each[0].cost)
    values = np.array([value for _, value in found])
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(values)[:-1]])
    return [point for (point, _), better in zip(found, values > best_before, strict=True) if better]


def undominated(cost: Floats, value: Floats) -> list[Index]:
    """Indices of the entries that no cheaper or equal one reaches in value, from cheap to dear."""
    order = np.lexsort((-value.ravel(), cost.ravel()))
    sorted_values = value.ravel()[order]
    highest = np.maximum.accumulate(sorted_values)
    better = np.concatenate([[True], sorted_values[1:] > highest[:-1]])
    indices = np.unravel_index(order[better], cost.shape)
    return list(zip(*(axis.tolist() for axis in indices), strict=True))
