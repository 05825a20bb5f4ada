"""How fast counters grow."""

from collections import deque

_WINDOW_S = 5.0


class Rate:
    """Growth of a counter per second over the last few seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()
        self.noted_s = 0.0

    def update(self, now_s: float, count: float) -> float:
        """Note the counter; returns its rate, 0 before there are two moments to compare."""
        self._seen.append((now_s, count))
        self.noted_s = now_s
        while self._seen[0][0] < now_s - _WINDOW_S:
            self._seen.popleft()
        (begin_s, first), (end_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / (end_s - begin_s) if end_s > begin_s else 0.0


class Rates:
    """Of counters by name, as long as every snapshot asks for them."""

    def __init__(self) -> None:
        self._rates: dict[str, Rate] = {}
        self._now_s = 0.0

    def __len__(self) -> int:
        return len(self._rates)

    def begin(self, now_s: float) -> None:
        """A new snapshot; forgets what the last one did not ask for: a source that is gone."""
        kept = self._rates.items()
        self._rates = {name: rate for name, rate in kept if rate.noted_s == self._now_s}
        self._now_s = now_s

    def of(self, name: str, count: float) -> float:
        """Rate of a counter that has come to `count`."""
        return self._rates.setdefault(name, Rate()).update(self._now_s, count)
