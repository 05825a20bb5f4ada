"""A method whose decisions are those of a policy, which the engine runs as it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from dart_stream.methods.method import FittedMethod
from dart_stream.methods.outcome import Outcome
from dart_stream.policies import Policy, replay


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedPolicy(FittedMethod):
    """Leaves where the policy says so; heads that it does not watch do not run."""

    policy: Policy

    def decide(self, table: ExitTable, costs: Costs) -> Outcome:
        """Replay the policy.

        Raises:
            DataError: the policy reads alpha, and the table has none.
        """
        exits = replay(self.policy, table.probabilities, difficulty_for(self.policy, table))
        paid = costs.paid(reads_difficulty=self.reads_difficulty)
        watched = [self.policy.watches(k) for k in range(table.num_exits - 1)]
        return Outcome.at_exits(table, exits, paid, watched)


def difficulty_for(policy: Policy, table: ExitTable) -> NDArray[np.float32]:
    """Difficulty [N] in the mode that the policy reads.

    Raises:
        DataError: it reads alpha, and the table has none.
    """
    return alpha_of(table) if policy.difficulty_mode == "paper" else table.difficulty


def alpha_of(table: ExitTable) -> NDArray[np.float32]:
    """The paper's difficulty, [N].

    Raises:
        DataError: the table has none.
    """
    if table.alpha is None:
        raise DataError(
            f"exit table of {table.source}: expected alpha, the paper's difficulty of each "
            "picture, it has none; record it from pixels, or leave out method dart-paper"
        )
    return table.alpha
