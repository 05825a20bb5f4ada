"""What the recent snapshots showed, for the small curves."""

from collections import deque

from pipeline.snapshot import Snapshot


class History:
    """A ring of figures from recent snapshots; None where a snapshot had none.

    Args:
        length: Snapshots kept; at two a second, 240 are two minutes.
    """

    def __init__(self, length: int = 240) -> None:
        self.fps: deque[float | None] = deque(maxlen=length)
        self.latency_p95_ms: deque[float | None] = deque(maxlen=length)
        self.macs_fraction: deque[float | None] = deque(maxlen=length)
        self.time_s: deque[float] = deque(maxlen=length)

    def add(self, snapshot: Snapshot) -> None:
        """Keep this snapshot's figures."""
        self.fps.append(snapshot.fps)
        self.latency_p95_ms.append(snapshot.latency_ms.p95)
        self.macs_fraction.append(snapshot.recent_macs_fraction)
        self.time_s.append(snapshot.time_s)

    def span_s(self, points: int) -> float:
        """Seconds that the last `points` snapshots cover."""
        times = list(self.time_s)[-points:]
        return times[-1] - times[0] if times else 0.0
