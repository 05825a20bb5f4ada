"""What the recent snapshots showed, for the small curves."""

import math
from collections import deque

import msgspec

from pipeline.snapshot import AdaptationSnap, Snapshot


class History:
    """A ring of figures from recent snapshots; None where a snapshot had none.

    Args:
        length: Snapshots kept; at two a second, 600 are five minutes.
    """

    def __init__(self, length: int = 600) -> None:
        self.fps: deque[float | None] = deque(maxlen=length)
        self.latency_p95_ms: deque[float | None] = deque(maxlen=length)
        self.macs_fraction: deque[float | None] = deque(maxlen=length)
        self.adaptation: deque[AdaptationSnap | None] = deque(maxlen=length)
        self._at_s: deque[float] = deque(maxlen=length)
        """Seconds since the first one, on the run's own clock: the wall clock may be set."""
        self._uptime_s: float | None = None

    def add(self, snapshot: Snapshot) -> None:
        """Keep this snapshot's figures."""
        self.fps.append(_known(snapshot.fps))
        self.latency_p95_ms.append(_known(snapshot.latency_ms.p95))
        self.macs_fraction.append(_known(snapshot.recent_macs_fraction))
        known = snapshot.adaptation
        # Lists of a thousand classes are not kept six hundred times.
        self.adaptation.append(known and msgspec.structs.replace(known, acceptance=[]))
        # A run that was resumed counts from its new beginning.
        passed_s = snapshot.uptime_s - (self._uptime_s or 0.0) if self._at_s else 0.0
        self._at_s.append((self._at_s[-1] if self._at_s else 0.0) + max(passed_s, 0.0))
        self._uptime_s = snapshot.uptime_s

    @property
    def span_s(self) -> float:
        """Seconds between the oldest and the newest snapshot kept."""
        return self._at_s[-1] - self._at_s[0] if self._at_s else 0.0


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
