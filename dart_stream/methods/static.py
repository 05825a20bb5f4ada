"""Full depth for every picture: what early exit is measured against."""

from collections.abc import Sequence
from typing import ClassVar

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.fitted_policy import FittedPolicy
from dart_stream.methods.method import Method
from dart_stream.policies import FullDepthPolicy


class StaticMethod(Method):
    """The network without early exits."""

    name: ClassVar[str] = "static"

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedPolicy]:
        """Return the one setting there is."""
        del table, costs, budgets
        return [FittedPolicy(name=self.name, setting="full depth", policy=FullDepthPolicy())]
