"""DART as this package runs it: jointly optimal thresholds, difficulty only where it pays.

Reference: DART Eq. 10, 12 and 19.

Differs from the paper: see `policies.dart` for the rule and `thresholds.exact` for the search;
sensitivity to difficulty must earn its place (`thresholds.sensitivity`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.fitted_policy import FittedPolicy
from dart_stream.methods.method import Method
from dart_stream.methods.setting import describe_thresholds
from dart_stream.methods.worth import kind_of_worth
from dart_stream.policies import DartPolicy
from dart_stream.thresholds import FrontierPoint, choose_sensitivity, find_frontier
from dart_stream.thresholds.sensitivity import BETAS


@dataclass(frozen=True, slots=True)
class DartMethod(Method):
    """Thresholds from the accuracy-cost frontier.

    Attributes:
        betas: sensitivities to difficulty that compete with 0; none leaves difficulty out.
        levels: of the final search, see `thresholds.quantile_grid`.
    """

    betas: tuple[float, ...] = BETAS
    levels: int | None = None
    name: ClassVar[str] = "dart"

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedPolicy]:
        """Return the dearest point of the frontier within each budget that reaches it."""
        worth = kind_of_worth(table)
        betas = {0.0}  # stays in: then no vector of plain thresholds on the grid is ever better
        if self.betas:
            betas.add(choose_sensitivity(table, costs, worth, self.betas).beta)
        frontier = find_frontier(table, costs, worth, sorted(betas), self.levels)
        fitted = []
        for budget in budgets:
            within = [point for point in frontier if point.cost <= budget * costs.plain()]
            if within:
                fitted.append(self._fitted(budget, within[-1]))
        return fitted

    def _fitted(self, budget: float, point: FrontierPoint) -> FittedPolicy:
        return FittedPolicy(
            name=self.name,
            setting=f"{describe_thresholds(point.thresholds)}, beta {point.beta:g}",
            budget=budget,
            policy=DartPolicy(thresholds=point.thresholds, beta=point.beta),
        )
