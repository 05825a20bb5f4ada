"""The network cut off behind one exit: smaller networks that need no decision at all."""

from collections.abc import Sequence
from typing import ClassVar

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.fitted_policy import FittedPolicy
from dart_stream.methods.method import Method
from dart_stream.policies import FixedPolicy


class SingleExitMethod(Method):
    """Every picture leaves at the same exit; heads before it do not run."""

    name: ClassVar[str] = "single"

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedPolicy]:
        """Return one setting per early exit; the last exit is method `static`."""
        del costs, budgets
        early = range(table.num_exits - 1)
        return [
            FittedPolicy(
                name=self.name,
                setting=f"exit {only}",
                policy=FixedPolicy(thresholds=tuple(0.0 if k == only else None for k in early)),
            )
            for only in early
        ]
