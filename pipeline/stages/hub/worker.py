"""One worker as the hub sees it: at most two batches, the first of which it is computing."""

from collections import deque
from dataclasses import dataclass, field

from pipeline.messages import BatchDone
from pipeline.stages.hub.source import RegionTask

MAX_OUTSTANDING = 2
"""One batch runs while the next already lies at the worker."""
OUTSTANDING_WITH_DEADLINE = 1
"""What lies at a worker loses time that its budget does not know of."""


@dataclass(slots=True)
class Dispatched:
    """A batch at a worker."""

    batch: int
    policy_version: int
    tasks: list[RegionTask]
    sent_ns: int
    audits: frozenset[int] = frozenset()
    """Positions that are audited."""
    probability: float = 0.0
    """Of the coin that chose them."""


@dataclass(slots=True)
class WorkerTrack:
    """State of one worker, across its restarts."""

    name: str
    max_outstanding: int = MAX_OUTSTANDING
    identity: str | None = None
    ready: bool = False
    description: str = ""
    precision: str | None = None
    """What it chose; its successors compute the same way."""
    outstanding: deque[Dispatched] = field(default_factory=deque)
    running_since_ns: int = 0
    regions: int = 0
    batches: int = 0
    busy_ms: float = 0.0
    cpu_ms: float = 0.0

    @property
    def can_take(self) -> bool:
        """It has said hello and has room."""
        return self.ready and len(self.outstanding) < self.max_outstanding

    def begin(self, dispatched: Dispatched, now_ns: int) -> None:
        """Note a batch that was sent."""
        if not self.outstanding:
            self.running_since_ns = now_ns
        self.outstanding.append(dispatched)

    def finish(self, answer: BatchDone, now_ns: int) -> None:
        """It has answered the batch that it was computing."""
        batch = self.outstanding.popleft()
        self.running_since_ns = now_ns
        self.batches += 1
        self.regions += len(batch.tasks)
        self.busy_ms += answer.infer_ms
        self.cpu_ms += answer.cpu_ms

    def is_late(self, now_ns: int, deadline_ns: int) -> bool:
        """The batch it is computing is past its deadline."""
        return bool(self.outstanding) and now_ns - self.running_since_ns > deadline_ns

    def lose(self) -> tuple[list[RegionTask], list[RegionTask]]:
        """It died: the regions it was computing, and those it had not begun."""
        suspects = self.outstanding[0].tasks if self.outstanding else []
        untouched = [task for batch in list(self.outstanding)[1:] for task in batch.tasks]
        self.outstanding.clear()
        self.identity, self.ready = None, False
        return suspects, untouched
