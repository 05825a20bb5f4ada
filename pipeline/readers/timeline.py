"""Source time of a live connection: follows the stream's own clock, and never falls."""

from typing import Final

BACK_S: Final = 0.5
"""The stream's clock may fall behind by so much (pictures out of order); further is a jump."""
AHEAD_S: Final = 5.0
"""From one picture to the next it may run ahead of the arrivals by so much; further is a jump."""


class Timeline:
    """Turns a camera's timestamps into seconds since the first picture.

    A camera whose clock is set (by NTP, by a restart of its encoder) sends timestamps that jump.
    Taken as they are, source time would stand still for hours, or leap. Over a jump, time goes on
    by what has passed between the arrivals; a small step back is held until the clock has
    caught up.
    """

    def __init__(self) -> None:
        self.jumps = 0
        """So far."""
        self._last_s: float | None = None
        self._moved_s = 0.0
        """When time last went on, by arrival."""
        self._offset_s: float | None = None
        """Source time less the stream's clock."""

    def at(self, stream_s: float | None, arrived_s: float) -> float:
        """Source time of the next picture, in seconds.

        Args:
            stream_s: Its timestamp; None where the stream has none, and arrivals count.
            arrived_s: When it came, on a monotonic clock.
        """
        last_s = 0.0 if self._last_s is None else self._last_s
        elapsed_s = 0.0 if self._last_s is None else max(0.0, arrived_s - self._moved_s)
        now_s = last_s + elapsed_s
        if stream_s is not None:
            if self._offset_s is None:
                self._offset_s = now_s - stream_s
            told_s = stream_s + self._offset_s
            if last_s - BACK_S <= told_s <= now_s + AHEAD_S:
                now_s = max(last_s, told_s)
            else:
                self.jumps += 1
                self._offset_s = now_s - stream_s
        if self._last_s is None or now_s > last_s:
            self._last_s, self._moved_s = now_s, arrived_s
        return now_s
