"""A supervisor that did not run for a while: stopped, or on a machine that was paused."""

from typing import Final

AWAY_S: Final = 1.0
"""A turn takes a tenth of a second, and now and then a few."""


class Absence:
    """Tells how long nobody listened.

    What children said meanwhile may still be on its way when the supervisor goes on: whoever seems
    late then may have been in time. So that time does not count against anybody.

    Args:
        now_s: On a clock that only goes forward.
    """

    def __init__(self, now_s: float) -> None:
        self._last_s = now_s

    def ended(self, now_s: float) -> float:
        """Seconds since the last call if these are too many for a turn, else 0."""
        away_s, self._last_s = now_s - self._last_s, now_s
        return away_s if away_s > AWAY_S else 0.0
