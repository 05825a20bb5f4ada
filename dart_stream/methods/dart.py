"""DART as this package runs it: jointly optimal thresholds, difficulty only where it pays.

Reference: DART Eq. 10, 12 and 19.

Differs from the paper: see `policies.dart` for the rule, `thresholds.exact` for the search, and
`thresholds.within` for what is sought;
sensitivity to difficulty must earn its place (`thresholds.sensitivity`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.fitted_policy import FittedPolicy
from dart_stream.methods.method import Method
from dart_stream.methods.setting import describe_thresholds
from dart_stream.policies import DartPolicy
from dart_stream.thresholds import FrontierPoint, choose_sensitivity
from dart_stream.thresholds.sensitivity import BETAS
from dart_stream.thresholds.within import best_within_budgets


@dataclass(frozen=True, slots=True)
class DartMethod(Method):
    """Thresholds that are expected to answer most right within each budget.

    Attributes:
        betas: sensitivities to difficulty that compete with 0; none leaves difficulty out.
        levels: of the final search, see `thresholds.quantile_grid`.
    """

    betas: tuple[float, ...] = BETAS
    levels: int | None = None
    name: ClassVar[str] = "dart"

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedPolicy]:
        """Return the vector expected to be right most often for each budget that any keeps to.

        Without labels the full network's answers are taken for right.
        """
        if table.labels is None:
            table = replace(table, labels=table.answers[:, -1])
        betas = self._sensitivities(table, costs)
        best = best_within_budgets(table, costs, budgets, betas, self.levels)
        return [self._fitted(budget, point) for budget, point in best.items()]

    def _sensitivities(self, table: ExitTable, costs: Costs) -> list[float]:
        """0 stays in: then no vector of plain thresholds on the grid is ever better."""
        if not self.betas:
            return [0.0]
        return sorted({0.0, choose_sensitivity(table, costs, "expected", self.betas).beta})

    def _fitted(self, budget: float, point: FrontierPoint) -> FittedPolicy:
        return FittedPolicy(
            name=self.name,
            setting=f"{describe_thresholds(point.thresholds)}, beta {point.beta:g}",
            budget=budget,
            policy=DartPolicy(thresholds=point.thresholds, beta=point.beta),
        )
