"""A vector of thresholds, and what it does to pictures."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.policies import DartPolicy, replay

Worth = Literal["accuracy", "expected", "agreement"]
"""What is not to be lost: answers that are right, as counted; the same as expected
(`expected_accuracy`); or answers that the full network gives."""


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """A vector of thresholds, and what it does to the pictures that it was chosen on.

    Attributes:
        thresholds: one per early exit, in (0, 1), None where the exit is disabled.
        beta: sensitivity to difficulty that belongs to them.
        cost: mean of a picture, in the unit of the costs.
        accuracy: share of right answers; None without labels.
        disagreement: share of answers that differ from the full network's.
        expected: accuracy as `expected_accuracy` has it; None where it was not asked for.
    """

    thresholds: tuple[float | None, ...]
    beta: float
    cost: float
    accuracy: float | None
    disagreement: float
    expected: float | None = None

    @property
    def leaves_early(self) -> bool:
        """Whether an exit is enabled at all."""
        return any(tau is not None for tau in self.thresholds)


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
    return counted(table, costs, policy, exits)


def counted(
    table: ExitTable,
    costs: Costs,
    policy: DartPolicy,
    exits: NDArray[np.int64],
    expected: NDArray[np.float64] | None = None,
) -> FrontierPoint:
    """The point of a policy under which pictures leave at `exits`, [N].

    Args:
        table: of the pictures.
        costs: of the network's parts.
        policy: whose thresholds they are.
        exits: [N].
        expected: [N, exits], see `expected_accuracy`.
    """
    watched = [tau is not None for tau in policy.thresholds]
    paid = costs.paid(reads_difficulty=policy.reads_difficulty)
    rows = np.arange(len(table))
    return FrontierPoint(
        thresholds=policy.thresholds,
        beta=policy.beta,
        cost=float(paid.up_to_exit(watched)[exits].mean()),
        accuracy=None if table.labels is None else float(table.correct[rows, exits].mean()),
        disagreement=float((~table.agrees[rows, exits]).mean()),
        expected=None if expected is None else float(expected[rows, exits].mean()),
    )
