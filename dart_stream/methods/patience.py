"""Leave once exits agree for long enough.

Reference: Zhou et al., "BERT loses patience: fast and robust inference with early exit", 2020.

Differs from the paper: nothing.
"""

from collections.abc import Sequence
from typing import ClassVar

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.fitted_policy import FittedPolicy
from dart_stream.methods.method import Method
from dart_stream.policies import PatiencePolicy


class PatienceMethod(Method):
    """Its only knob is a small whole number, so all of them are settings."""

    name: ClassVar[str] = "patience"

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedPolicy]:
        """Return each patience with which a picture could leave early: none of two exits."""
        del costs, budgets
        return [
            FittedPolicy(
                name=self.name,
                setting=f"patience {steps}",
                policy=PatiencePolicy(patience=steps),
            )
            for steps in range(1, table.num_exits - 1)
        ]
