"""What every method of early exit is: fitted on labelled pictures, then it decides on any.

A method sees a table with every exit's logits and may decide as it likes: by thresholds, by a
learned scheduler, by mixing the answers of several exits. That is why a fitted method hands out
answers and confidences and not only exits.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.outcome import Outcome
from dart_stream.policies import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMethod(ABC):
    """One setting of a method, ready to decide. It never changes.

    Attributes:
        name: of the method, as in the registry.
        setting: what was chosen, a few words for a table.
        budget: share of the full network's cost that the setting was chosen for; None if for none.
        policy: the same decisions as the engine takes them; None where the engine cannot.
    """

    name: str
    setting: str
    budget: float | None = None
    policy: Policy | None = None

    @property
    def reads_difficulty(self) -> bool:
        """Whether difficulty could change a decision; only then a picture pays for it."""
        return self.policy is not None and self.policy.reads_difficulty

    @abstractmethod
    def decide(self, table: ExitTable, costs: Costs) -> Outcome:
        """Decide on every picture, each from its own row alone.

        Args:
            table: of the network that the method was fitted to.
            costs: of its parts.
        """


class Method(ABC):
    """A way to choose exits.

    Attributes:
        name: in the registry and in tables.
        most_early_exits: it cannot be fitted to more; None if to any number.
    """

    name: ClassVar[str]
    most_early_exits: ClassVar[int | None] = None

    @abstractmethod
    def fit(
        self, table: ExitTable, costs: Costs, budgets: Sequence[float]
    ) -> Sequence[FittedMethod]:
        """Choose settings on pictures that the network was not trained on.

        Args:
            table: validation pictures; without labels the full network's answers stand for them.
            costs: of the network's parts, in the unit that budgets are about.
            budgets: mean costs to keep to, as shares of `costs.plain()`.

        Returns:
            Of a method with a knob: for each budget that it can keep to the best setting it finds,
            its mean cost on these pictures at most the budget. Of one without: its settings.

        Raises:
            DataError: the table lacks what the method needs.
        """
