"""When each recorded snapshot is shown again."""

from collections.abc import Callable, Iterator
from typing import Final

from pipeline.snapshot import Snapshot

LONGEST_GAP_S: Final = 5.0
"""A run that was resumed after a night, or a full disk, is not waited for longer."""
_MOST_AT_ONCE: Final = 600
"""As many as the curves keep."""
_REDRAW_S: Final = 0.1
_LONGEST_WAIT_S: Final = 3_600.0
"""At once: a slow replay may be due in longer than a clock can count."""

Wait = Callable[[float], object]


class Player:
    """Hands out snapshots at the pace at which they were recorded, times `speed`.

    Args:
        snapshots: In order; taken one by one.
        speed: Above 0; 2 is twice as fast.
    """

    def __init__(self, snapshots: Iterator[Snapshot], speed: float = 1.0) -> None:
        self._snapshots = snapshots
        self.speed = speed
        self._next = next(snapshots, None)
        self._next_at_s = 0.0
        """Of recorded time, gaps shortened."""
        self._begin_s: float | None = None
        """On the viewer's clock; moves by the time of each pause."""
        self._paused_s: float | None = None

    @property
    def is_over(self) -> bool:
        """No snapshot is left."""
        return self._next is None

    def due_in_s(self, now_s: float) -> float:
        """Until the next snapshot; 0 if it is late, infinity while paused or at the end.

        Args:
            now_s: Of any clock that only goes forward, the same in all calls.
        """
        if self._next is None or self._paused_s is not None:
            return float("inf")
        if self._begin_s is None:
            return 0.0
        return max(self._begin_s + self._next_at_s / self.speed - now_s, 0.0)

    def take(self, now_s: float) -> list[Snapshot]:
        """Those whose time has come, the first at once; the last is the one to draw."""
        if self._begin_s is None:
            self._begin_s = now_s
        taken: list[Snapshot] = []
        while self._next is not None and len(taken) < _MOST_AT_ONCE and not self.due_in_s(now_s):
            taken.append(self._next)
            last_s, self._next = self._next.time_s, next(self._snapshots, None)
            if self._next is not None:
                # A clock that was set back meanwhile stands still here.
                self._next_at_s += min(max(self._next.time_s - last_s, 0.0), LONGEST_GAP_S)
        return taken

    def pause(self, now_s: float) -> None:
        """Nothing is due until `resume`."""
        if self._paused_s is None:
            self._paused_s = now_s

    def resume(self, now_s: float) -> None:
        """Go on where it was paused."""
        if self._paused_s is not None and self._begin_s is not None:
            self._begin_s += now_s - self._paused_s
        self._paused_s = None

    def set_speed(self, speed: float, now_s: float) -> None:
        """Go on from the same moment of the recording at another pace."""
        if self._begin_s is not None:
            at_s = now_s if self._paused_s is None else self._paused_s
            self._begin_s = at_s - (at_s - self._begin_s) * self.speed / speed
        self.speed = speed


def play(
    player: Player, show: Callable[[list[Snapshot]], object], wait: Wait, clock: Callable[[], float]
) -> None:
    """Show everything to the end.

    Args:
        player: What is left of it.
        show: Is given what has become due, at most ten times a second.
        wait: Passes so many seconds; may return early, for example when a key was pressed, having
            paused the player or not. Whoever wants to leave raises from it.
        clock: Seconds, only forward.
    """
    while not player.is_over:
        due = player.take(clock())
        if due:
            show(due)
        due_in_s = min(max(player.due_in_s(clock()), _REDRAW_S), _LONGEST_WAIT_S)
        wait(0.0 if player.is_over else due_in_s)
