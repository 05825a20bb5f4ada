"""One threshold on entropy for all exits, chosen for each budget.

Reference: Teerapittayanon et al., "BranchyNet: fast inference via early exiting from deep neural
networks", 2016.

Differs from the paper: entropy is divided by its largest value, and all exits share a threshold,
which is searched among all that differ on the validation pictures.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.fitted_policy import FittedPolicy
from dart_stream.methods.method import Method
from dart_stream.methods.worth import worth_of_answers
from dart_stream.policies import EntropyPolicy
from dart_stream.policies.entropy import entropy
from dart_stream.thresholds.one_threshold import sweep


class BranchyNetMethod(Method):
    """Leave where the answer's entropy is low."""

    name: ClassVar[str] = "branchynet"

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedPolicy]:
        """Return the best threshold for each budget that one can keep to."""
        certainty = -entropy(table.probabilities[:, :-1]) / np.log(len(table.classes))
        paid = costs.paid(reads_difficulty=False)
        tried = sweep(certainty, worth_of_answers(table), paid.up_to_exit(), span=(-1, 0))
        return [
            FittedPolicy(
                name=self.name,
                setting=f"entropy {-threshold:.4f}",
                budget=budget,
                policy=EntropyPolicy(thresholds=(-threshold,) * certainty.shape[1]),
            )
            for budget, threshold in tried.best_for(paid, budgets)
        ]
