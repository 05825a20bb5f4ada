"""Times of a recording as a clock would have told them that nobody set meanwhile."""

from typing import Final

_STEP_S: Final = 5.0
"""Wall clock and the run's own differ by milliseconds between two snapshots, unless it was set."""


class SteadyTime:
    """Takes the steps out of the wall clock, which snapshots have beside the run's own.

    A small computer without a clock of its own begins in 1970 and is set once it has a network: its
    five minutes would be drawn as half a century.
    """

    def __init__(self) -> None:
        self.steps = 0
        """How often the clock was set."""
        self.stepped_s = 0.0
        """By how much in all, forward."""
        self._last: tuple[float, float] | None = None
        """Wall clock and the run's own at the last snapshot."""

    def of_snapshot(self, time_s: float, uptime_s: float) -> float:
        """Unix time on the clock of the first snapshot.

        Args:
            time_s: Unix time as the snapshot has it.
            uptime_s: since the beginning, time in which the machine slept included; in a run that
                was resumed it begins anew.
        """
        if self._last is not None and uptime_s >= self._last[1]:
            step_s = (time_s - self._last[0]) - (uptime_s - self._last[1])
            if abs(step_s) > _STEP_S:
                self.steps += 1
                self.stepped_s += step_s
        self._last = time_s, uptime_s
        return time_s - self.stepped_s

    def of_record(self, time_s: float) -> float:
        """The same for what lies between two snapshots; at worst the time of the one before."""
        if self._last is not None and abs(time_s - self._last[0]) > _STEP_S:
            return self._last[0] - self.stepped_s
        return time_s - self.stepped_s
