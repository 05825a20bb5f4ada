"""Running figures of a run: latency percentiles, exits, difficulty, compute."""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.snapshot import LatencySnap

_BIN_GROWTH: float = 1.02
"""Each latency bin is 2 % wider than the one before: percentiles are right within 1 %."""
_BINS_PER_E = 1 / math.log(_BIN_GROWTH)
_FIRST_BIN_MS = 0.01
_NUM_BINS = 1_000
RECENT_REGIONS = 1_000


class LatencyHistogram:
    """Percentiles over any number of values in bounded memory."""

    def __init__(self) -> None:
        self._counts = [0] * _NUM_BINS
        self._total = 0

    def add(self, value_ms: float) -> None:
        """Count one value."""
        number = 0
        if value_ms > _FIRST_BIN_MS:
            number = int(math.log(value_ms / _FIRST_BIN_MS) * _BINS_PER_E)
        self._counts[min(number, _NUM_BINS - 1)] += 1
        self._total += 1

    def percentile(self, share: float) -> float | None:
        """The value below which `share` of all lie; None without any."""
        if not self._total:
            return None
        rank = share * self._total
        seen = 0
        for number, count in enumerate(self._counts):
            seen += count
            if seen >= rank and count:
                return float(_FIRST_BIN_MS * _BIN_GROWTH ** (number + 0.5))
        return None

    @property
    def snap(self) -> LatencySnap:
        """The three percentiles that are reported."""
        p50, p95, p99 = (self.percentile(share) for share in (0.5, 0.95, 0.99))
        return LatencySnap(p50=p50, p95=p95, p99=p99)


class Answer(NamedTuple):
    """What the statistics keep of one region."""

    exit: int
    difficulty: float
    macs: int
    total_ms: float


@dataclass(slots=True)
class Statistics:
    """Totals since the start and a window of the last thousand regions."""

    num_exits: int
    full_macs: int
    """Multiply-accumulates of the plain network."""
    regions: int = 0
    macs: int = 0
    exit_counts: list[int] = field(default_factory=list)
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    recent: deque[Answer] = field(default_factory=lambda: deque(maxlen=RECENT_REGIONS))

    def __post_init__(self) -> None:
        self.exit_counts = [0] * self.num_exits

    def add(self, answer: Answer) -> None:
        """Count one region."""
        self.regions += 1
        self.macs += answer.macs
        self.exit_counts[answer.exit] += 1
        self.latency.add(answer.total_ms)
        self.recent.append(answer)

    @property
    def exits(self) -> list[float]:
        """Share of each exit since the start."""
        return _shares(self.exit_counts)

    @property
    def recent_exits(self) -> list[float]:
        """Share of each exit in the window."""
        counts = [0] * self.num_exits
        for answer in self.recent:
            counts[answer.exit] += 1
        return _shares(counts)

    @property
    def difficulty_histogram(self) -> list[float]:
        """Shares of ten bins of [0, 1] in the window."""
        counts = [0] * 10
        for answer in self.recent:
            counts[min(int(answer.difficulty * 10), 9)] += 1
        return _shares(counts)

    @property
    def macs_fraction(self) -> float | None:
        """Spent over full depth, since the start."""
        return self.macs / (self.regions * self.full_macs) if self.regions else None

    @property
    def recent_macs_fraction(self) -> float | None:
        """Spent over full depth, in the window."""
        if not self.recent:
            return None
        return sum(answer.macs for answer in self.recent) / (len(self.recent) * self.full_macs)

    @property
    def recent_latency(self) -> LatencySnap:
        """Percentiles of the window."""
        totals = sorted(answer.total_ms for answer in self.recent)
        if not totals:
            return LatencySnap()
        p50, p95, p99 = (
            totals[min(int(s * len(totals)), len(totals) - 1)] for s in (0.5, 0.95, 0.99)
        )
        return LatencySnap(p50=p50, p95=p95, p99=p99)


def _shares(counts: list[int]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]
