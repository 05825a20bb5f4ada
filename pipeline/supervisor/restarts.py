"""How often a child may come back."""

from collections import deque


class RestartBudget:
    """At most so many restarts in a sliding window; each waits longer than the one before."""

    def __init__(self, max_restarts: int, window_s: float) -> None:
        self._max = max_restarts
        self._window_s = window_s
        self._times_s: deque[float] = deque()

    def spend(self, now_s: float) -> float | None:
        """The delay in seconds before the next start; None when the budget is used up."""
        while self._times_s and now_s - self._times_s[0] > self._window_s:
            self._times_s.popleft()
        if len(self._times_s) >= self._max:
            return None
        delay_s = 0.0 if not self._times_s else min(0.1 * 2 ** (len(self._times_s) - 1), 2.0)
        self._times_s.append(now_s)
        return delay_s

    def discount(self, hung_s: float) -> None:
        """So many seconds do not count: a child that hangs lives on without being any good."""
        self._times_s = deque(time_s + hung_s for time_s in self._times_s)

    def refund(self) -> None:
        """The last restart was not the child's fault."""
        if self._times_s:
            self._times_s.pop()
