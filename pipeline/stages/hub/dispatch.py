"""Which regions go into the next batch: fair between sources, never waiting for a fuller one."""

from collections import deque
from collections.abc import Collection, Mapping

from pipeline.stages.hub.source import RegionTask, SourceTrack


class Dispatcher:
    """Forms batches across sources, one region of each source in turn.

    A frame that may grow too old (`max_age`) goes whole, if it fits into a batch: once a part of it
    is under way it cannot be dropped any more, and the rest must not wait.
    """

    def __init__(self, sources: Collection[SourceTrack], max_batch: int) -> None:
        self._turns = deque(sources)
        self._max_batch = max_batch
        self._alone: deque[RegionTask] = deque()

    def join(self, source: SourceTrack) -> None:
        """Give a source its turns."""
        self._turns.append(source)

    def leave(self, source: SourceTrack) -> None:
        """Give a source no turn any more; none of its regions waits."""
        self._turns = deque(each for each in self._turns if each is not source)

    @property
    def num_waiting(self) -> int:
        """Regions without a worker."""
        return len(self._alone) + sum(len(source.waiting) for source in self._turns)

    def next_batch(self, share: int) -> list[RegionTask]:
        """The next regions, at most `share` of them; a suspect goes alone and first."""
        if self._alone:
            return [self._alone.popleft()]
        limit = min(share, self._max_batch)
        batch: list[RegionTask] = []
        idle_turns = 0
        while len(batch) < limit and idle_turns < len(self._turns):
            source = self._turns[0]
            count = source.next_together()
            if batch and len(batch) + count > self._max_batch:
                return batch  # its turn is the next batch's first
            self._turns.rotate(-1)
            idle_turns = 0 if count else idle_turns + 1
            batch += [source.waiting.popleft() for _ in range(min(count, self._max_batch))]
        return batch

    def retry_alone(self, task: RegionTask) -> None:
        """Put a suspect where it can harm nobody else."""
        self._alone.append(task)

    def put_back(self, tasks: list[RegionTask], sources: Mapping[str, SourceTrack]) -> None:
        """Return regions that were never begun to the head of their queues, in order."""
        for task in reversed(tasks):
            if task.deaths:
                self._alone.appendleft(task)
            else:
                sources[task.frame.source].waiting.appendleft(task)
