"""Round numbers as thresholds, as they are when nobody tunes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.fitted_policy import FittedPolicy
from dart_stream.methods.method import Method
from dart_stream.policies import FixedPolicy


@dataclass(frozen=True, slots=True)
class FixedMethod(Method):
    """One confidence threshold for all exits, not chosen on anything.

    Attributes:
        thresholds: each makes a setting.
    """

    thresholds: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    name: ClassVar[str] = "fixed"

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedPolicy]:
        """Return one setting per threshold."""
        del costs, budgets
        return [
            FittedPolicy(
                name=self.name,
                setting=f"threshold {threshold:g}",
                policy=FixedPolicy(thresholds=(threshold,) * (table.num_exits - 1)),
            )
            for threshold in self.thresholds
        ]
