"""Every vector of thresholds worth a look, counted on every picture of a table."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.policies import DartPolicy
from dart_stream.thresholds.dynamic_vectors import dynamic_vectors
from dart_stream.thresholds.exact import score_all
from dart_stream.thresholds.grid import MAX_EXACT_EXITS, Floats, quantile_grid
from dart_stream.thresholds.point import FrontierPoint, Worth, counted
from dart_stream.thresholds.scores import exit_scores, probability_of

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredVectors:
    """Vectors of one sensitivity to difficulty; all arrays have one shape.

    Attributes:
        cost: mean of a picture.
        agreement: share of answers that the full network gives, too.
        accuracy: share of right answers; None without labels.
        expected: see `expected_accuracy`; None where it was not asked for.
        point: the vector at an index of the arrays.
    """

    cost: Floats
    agreement: Floats
    accuracy: Floats | None
    expected: Floats | None
    point: Callable[[Index], FrontierPoint]

    def worth(self, kind: Worth) -> Floats:
        """The array of that kind."""
        kinds = {
            "agreement": self.agreement,
            "accuracy": self.accuracy,
            "expected": self.expected,
        }
        found = kinds[kind]
        assert found is not None, "asked for, of labelled pictures"
        return found


def score_vectors(
    table: ExitTable,
    costs: Costs,
    worth: Worth,
    beta: float = 0.0,
    levels: int | None = None,
    expected: Floats | None = None,
) -> ScoredVectors:
    """All vectors on a grid, or for more exits than that takes those of dynamic programming.

    Args:
        table: of pictures that the model was not trained on.
        costs: of its parts.
        worth: what must not be lost.
        beta: sensitivity to difficulty.
        levels: see `quantile_grid`.
        expected: [N, exits], see `expected_accuracy`.
    """
    if table.num_exits - 1 > MAX_EXACT_EXITS:
        return _of_dynamic_programming(table, costs, worth, beta, expected)
    return _of_grid(table, costs, beta, levels, expected)


def _of_grid(
    table: ExitTable, costs: Costs, beta: float, levels: int | None, expected: Floats | None
) -> ScoredVectors:
    grid = quantile_grid(exit_scores(table, beta), levels)
    columns = {"disagreement": (~table.agrees).astype(np.float64)}
    if table.labels is not None:
        columns["accuracy"] = table.correct.astype(np.float64)
    if expected is not None:
        columns["expected"] = expected
    outcomes = score_all(grid, list(columns.values()), costs.paid(reads_difficulty=beta > 0))
    of = dict(zip(columns, outcomes.value, strict=True))

    def point(at: Index) -> FrontierPoint:
        cuts = grid.thresholds(at)
        return FrontierPoint(
            thresholds=tuple(None if cut is None else probability_of(cut) for cut in cuts),
            beta=beta,
            cost=float(outcomes.cost[at]),
            accuracy=float(of["accuracy"][at]) if "accuracy" in of else None,
            disagreement=float(of["disagreement"][at]),
            expected=float(of["expected"][at]) if "expected" in of else None,
        )

    return ScoredVectors(
        outcomes.cost, 1 - of["disagreement"], of.get("accuracy"), of.get("expected"), point
    )


def _of_dynamic_programming(
    table: ExitTable, costs: Costs, worth: Worth, beta: float, expected: Floats | None
) -> ScoredVectors:
    scores = exit_scores(table, beta)
    points = []
    wanted = table.agrees if worth == "agreement" else table.correct
    for cuts in dynamic_vectors(table, scores, wanted, costs):
        thresholds = tuple(None if cut == np.inf else probability_of(cut) for cut in cuts)
        leaves = scores >= cuts  # as `replay`, which takes longer: this runs for hundreds
        exits = np.where(leaves.any(1), leaves.argmax(1), table.num_exits - 1)
        policy = DartPolicy(thresholds=thresholds, beta=beta)
        points.append(counted(table, costs, policy, exits, expected))
    return ScoredVectors(
        cost=np.array([point.cost for point in points]),
        agreement=np.array([1 - point.disagreement for point in points]),
        accuracy=None if table.labels is None else np.array([point.accuracy for point in points]),
        expected=None if expected is None else np.array([point.expected for point in points]),
        point=lambda at: points[at[0]],
    )
