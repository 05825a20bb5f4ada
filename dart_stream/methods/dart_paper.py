"""DART's thresholds as published: candidates from quantiles, difficulty on top.

Reference: DART Eq. 10, 12 and 19.

Differs from the paper: it asks for the largest J at some price of computation; here the most
accurate vector of candidates within a budget is taken, which is what sweeping the price is for,
and which also finds vectors that no price does. All vectors are counted, so that neither dynamic
programming nor a start for a search has a part in the result. Coefficients stay 1: they belong to
adaptation, and pictures here come from one distribution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from dart_stream.methods.fitted_policy import FittedPolicy, alpha_of
from dart_stream.methods.method import Method
from dart_stream.methods.setting import describe_thresholds
from dart_stream.methods.worth import worth_of_answers
from dart_stream.policies import DartPaperPolicy
from dart_stream.thresholds import Grid, score_all
from dart_stream.thresholds.budget import best_within
from dart_stream.thresholds.grid import MAX_EXACT_EXITS

QUANTILES = tuple(q / 10 for q in range(1, 10))


@dataclass(frozen=True, slots=True)
class DartPaperMethod(Method):
    """Leave where confidence > clip(tau_i + beta alpha, 0, 1).

    Attributes:
        beta: sensitivity to difficulty.
    """

    beta: float = 0.3
    name: ClassVar[str] = "dart-paper"
    most_early_exits: ClassVar[int | None] = MAX_EXACT_EXITS

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedPolicy]:
        """Return the best candidates for each budget that any keep to.

        Raises:
            DataError: no alpha, or too many exits to count all vectors.
        """
        grid = self._candidates(table)
        paid = costs.paid(reads_difficulty=self.beta > 0)
        outcomes = score_all(grid, [worth_of_answers(table)], paid)
        # The last entry of each axis disables an exit, which the paper does not do.
        offered = (slice(0, -1),) * len(grid.cuts)
        cost, worth = outcomes.cost[offered], outcomes.value[0][offered]
        fitted = []
        for budget in budgets:
            best = best_within(cost, worth, budget * costs.plain())
            if best is not None:
                fitted.append(self._fitted(budget, grid, best))
        return fitted

    def _candidates(self, table: ExitTable) -> Grid:
        """Quantiles of each early exit's confidence, and who leaves at which."""
        early = table.num_exits - 1
        if not 1 <= early <= MAX_EXACT_EXITS:
            raise DataError(
                f"dart-paper: expected 1 to {MAX_EXACT_EXITS} early exits, got {early}: "
                "all vectors of candidates are counted"
            )
        rise = self.beta * alpha_of(table).astype(np.float64)
        cuts, bins = [], []
        for confidence in table.confidence[:, :-1].astype(np.float64).T:
            cut = np.unique(np.quantile(confidence, QUANTILES))
            cuts.append(cut)
            bins.append(_passed(confidence, cut, rise))
        return Grid(tuple(cuts), np.stack(bins, axis=1))

    def _fitted(self, budget: float, grid: Grid, at: tuple[int, ...]) -> FittedPolicy:
        thresholds = tuple(grid.thresholds(at))
        return FittedPolicy(
            name=self.name,
            setting=f"{describe_thresholds(thresholds)}, beta {self.beta:g}",
            budget=budget,
            policy=DartPaperPolicy(thresholds=thresholds, beta=self.beta),
        )


def _passed(
    confidence: NDArray[np.float64], cuts: NDArray[np.float64], rise: NDArray[np.float64]
) -> NDArray[np.intp]:
    """How many candidates each picture would leave at, by the policy's own arithmetic."""
    effective = np.clip(cuts + rise[:, None], 0, 1)
    passed: NDArray[np.intp] = (confidence[:, None] > effective).sum(axis=1)
    return passed
