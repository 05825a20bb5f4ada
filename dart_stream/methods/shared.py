"""One confidence threshold for all exits, chosen for each budget."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.fitted_policy import FittedPolicy
from dart_stream.methods.method import Method
from dart_stream.methods.worth import worth_of_answers
from dart_stream.policies import FixedPolicy
from dart_stream.thresholds.one_threshold import sweep


class SharedThresholdMethod(Method):
    """The best of all thresholds there are: every distinct confidence is tried."""

    name: ClassVar[str] = "shared"

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedPolicy]:
        """Return the best threshold for each budget that one can keep to."""
        scores = table.confidence[:, :-1].astype(np.float64)
        paid = costs.paid(reads_difficulty=False)
        tried = sweep(scores, worth_of_answers(table), paid.up_to_exit(), span=(0, 1))
        return [
            FittedPolicy(
                name=self.name,
                setting=f"threshold {threshold:.4f}",
                budget=budget,
                policy=FixedPolicy(thresholds=(threshold,) * scores.shape[1]),
            )
            for budget, threshold in tried.best_for(paid, budgets)
        ]
