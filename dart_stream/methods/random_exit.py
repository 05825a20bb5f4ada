"""A limit: leave by lot. What a method gains over it is what it knows of the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.method import FittedMethod, Method
from dart_stream.methods.outcome import Outcome
from dart_stream.thresholds.one_threshold import sweep

_SEED: Final = 0


class RandomExitMethod(Method):
    """Leave each early exit with one probability, chosen for each budget.

    The lots of a picture follow from its row number alone: the same in every table, whatever the
    picture and however many there are.
    """

    name: ClassVar[str] = "random"

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedMethod]:
        """Return the smallest probability that keeps to each budget, if any does."""
        paid = costs.paid(reads_difficulty=False)
        spent = np.broadcast_to(paid.up_to_exit(), (len(table), table.num_exits))
        # The dearest within the budget is wanted, so cost stands for worth.
        tried = sweep(_lots(table), spent, paid.up_to_exit(), span=(0, 1))
        return [
            FittedRandomExit(
                name=self.name,
                setting=f"probability {1 - stays:.4f}",
                budget=budget,
                stays=stays,
            )
            for budget, stays in tried.best_for(paid, budgets)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedRandomExit(FittedMethod):
    """Draws lots; all heads on the way run, as for a method that has to look.

    Attributes:
        stays: probability in [0, 1] to go on at each early exit.
    """

    stays: float

    def decide(self, table: ExitTable, costs: Costs) -> Outcome:
        """Leave where the lot says so."""
        leaves = np.ones((len(table), table.num_exits), np.bool_)
        leaves[:, :-1] = _lots(table) >= self.stays
        paid = costs.paid(reads_difficulty=False)
        return Outcome.at_exits(table, np.argmax(leaves, axis=1), paid)


def _lots(table: ExitTable) -> NDArray[np.float64]:
    """Uniform on [0, 1), [N, early exits]; rows are drawn one after the other."""
    return np.random.default_rng(_SEED).random((len(table), table.num_exits - 1))
