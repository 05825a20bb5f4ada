"""When each region of a batch must be answered, and who would miss that if it went on.

Reference: none.
Differs from the paper: it has no deadlines. A policy decides whenever there is time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dart_stream.engine.stage_times import StageTimes


@dataclass(frozen=True, slots=True, eq=False)
class LegTimes:
    """What it takes to run from one exit to the answer of the next, on this machine.

    Attributes:
        batch_sizes: (b,) rising.
        legs_ms: (b, exits) of the stage and the head that end at each exit.
    """

    batch_sizes: tuple[int, ...]
    legs_ms: NDArray[np.float64]

    @classmethod
    def of(cls, times: StageTimes) -> Self:
        """Medians of what was measured."""
        return cls(times.batch_sizes, times.stage_ms + times.head_ms)

    def expected_ms(self, exit_index: int, num_regions: int) -> float:
        """Of so many regions: between the measured sizes, and in proportion beyond them."""
        leg_ms, largest = self.legs_ms[:, exit_index], self.batch_sizes[-1]
        if num_regions > largest:
            return float(leg_ms[-1] * num_regions / largest)
        return float(np.interp(num_regions, self.batch_sizes, leg_ms))


@dataclass(frozen=True, slots=True, eq=False)
class Deadline:
    """Due times of n regions on a clock of the caller's: the engine has none.

    Attributes:
        due_ms: (n,) on that clock; infinite for a region without a deadline.
        clock_ms: now, in milliseconds from any fixed moment; never goes back.
        times: what to expect of the way to the next exit; None expects nothing, so that a region
            stops once its time is over, and not before.
    """

    due_ms: NDArray[np.float64]
    clock_ms: Callable[[], float]
    times: LegTimes | None = None

    def would_miss(
        self, regions: NDArray[np.int64], next_exit: int, together: int
    ) -> NDArray[np.bool_]:
        """Say which of these regions would be answered too late at the next exit.

        Args:
            regions: positions in the batch.
            next_exit: where they would be answered next.
            together: regions that would run there.
        """
        wait_ms = 0.0 if self.times is None else self.times.expected_ms(next_exit, together)
        late: NDArray[np.bool_] = self.clock_ms() + wait_ms > self.due_ms[regions]
        return late
