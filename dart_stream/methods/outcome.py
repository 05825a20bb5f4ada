"""What a method does with pictures: where each leaves, what it is answered, what that costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Decisions on the N pictures of a table.

    Attributes:
        exits: int64 [N], the exit at which each stops; 0 is the first.
        answers: int64 [N], class that it is answered.
        confidence: float32 [N] in [0, 1], of the answer.
        cost: float64 [N], in the unit of the costs, all that ran for the picture.
    """

    exits: NDArray[np.int64]
    answers: NDArray[np.int64]
    confidence: NDArray[np.float32]
    cost: NDArray[np.float64]

    @classmethod
    def at_exits(
        cls,
        table: ExitTable,
        exits: NDArray[np.int64],
        costs: Costs,
        watched: Sequence[bool] | None = None,
    ) -> Self:
        """Answer each picture as the exit does at which it stops.

        Args:
            table: of N pictures.
            exits: [N].
            costs: of the network's parts.
            watched: see `Costs.up_to_exit`.
        """
        rows = np.arange(len(table))
        return cls(
            exits=exits,
            answers=table.answers[rows, exits],
            confidence=table.confidence[rows, exits],
            cost=costs.up_to_exit(watched)[exits],
        )
