"""All workers: who gets which batch, whether its answer fits, and whose death was whose fault."""

from dataclasses import dataclass
from typing import Final

from pipeline.errors import PeerError
from pipeline.messages import Batch, BatchDone, Hello, PolicyBody
from pipeline.one_line import one_line
from pipeline.stages.hub.actions import Kill, Note, Send
from pipeline.stages.hub.deadlines import Deadlines
from pipeline.stages.hub.dispatch import Dispatcher
from pipeline.stages.hub.plan import HubPlan
from pipeline.stages.hub.policies import Policies
from pipeline.stages.hub.result_check import check_result
from pipeline.stages.hub.source import RegionTask, SourceTrack
from pipeline.stages.hub.sources import Sources
from pipeline.stages.hub.worker import (
    MAX_OUTSTANDING,
    OUTSTANDING_WITH_DEADLINE,
    Dispatched,
    WorkerTrack,
)

PRECISIONS: Final = ("fp32", "bf16", None)
"""What a worker may have chosen; None of one that does not say."""
_OF_LATE: Final = 1 / 8
"""Weight of one batch in the mean time of answers."""
POISON_DEATHS: Final = 2
"""A region that was being computed when so many workers died is dropped."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What the death of a child meant."""

    by_poison: bool = False
    """A region is to blame, and it is dropped: its two restarts are free."""


class Crew:
    """The workers of a run.

    Args:
        plan: What is run.
        policies: What decides.
        sources: By name; their waiting regions are what the workers get.
    """

    def __init__(self, plan: HubPlan, policies: Policies, sources: Sources) -> None:
        self.deadlines = Deadlines(plan.region_deadline_ns, sources)
        most = MAX_OUTSTANDING if plan.region_deadline_ns is None else OUTSTANDING_WITH_DEADLINE
        self.tracks = {name: WorkerTrack(name, most) for name in plan.workers}
        self._plan, self._policies, self._sources = plan, policies, sources
        self._dispatcher = Dispatcher(sources.values(), plan.max_batch)
        self._next_batch = 0
        self.answer_ns = 0
        """From sending a batch to its answer: what the last ones took, in the mean."""
        self._is_proven = True
        """A batch was answered since the last poison: the fault was the region's."""

    @property
    def num_waiting(self) -> int:
        """Regions without a worker."""
        return self._dispatcher.num_waiting

    @property
    def is_ready(self) -> bool:
        """There is somebody to work."""
        return any(worker.ready for worker in self.tracks.values())

    def joined(self, source: SourceTrack) -> None:
        """Its regions are among those to answer from now on."""
        self._dispatcher.join(source)

    def left(self, source: SourceTrack) -> None:
        """No region of it is left."""
        self._dispatcher.leave(source)

    def said_hello(self, name: str, peer: str, message: Hello) -> Send:
        """A new incarnation; returns what it has to know first.

        Raises:
            PeerError: It computes in no precision that there is.
        """
        worker = self.tracks[name]
        precision = message.about.get("precision")
        if precision not in PRECISIONS:
            raise PeerError(f"{peer}: expected a precision of {PRECISIONS}, got {precision!r}")
        worker.identity, worker.ready = peer, True
        worker.description = one_line(str(message.about.get("description", "")))
        worker.precision = precision
        return self._policy_for(peer)

    def announce(self) -> list[Send]:
        """The policy in force for every worker there is; others get it in answer to their hello."""
        return [
            self._policy_for(worker.identity)
            for worker in self.tracks.values()
            if worker.identity is not None and worker.ready
        ]

    def dispatch(self, now_ns: int) -> list[Send]:
        """Batches for workers with room."""
        out: list[Send] = []
        while True:
            free = [worker for worker in self.tracks.values() if worker.can_take]
            if not free or not self.num_waiting:
                return out
            idle = [worker for worker in free if not worker.outstanding]
            worker = idle[0] if idle else min(free, key=lambda w: len(w.outstanding[0].tasks))
            if not idle and self.num_waiting < len(worker.outstanding[0].tasks):
                # A worker that is busy gets its next batch once that batch is worth as much.
                return out
            share = -(-self.num_waiting // max(1, len(idle)))
            out.append(self._batch(worker, self._dispatcher.next_batch(share), now_ns))

    def answered(self, name: str, message: BatchDone, now_ns: int) -> Dispatched:
        """Take a worker's answer; returns the batch that it answers.

        Raises:
            PeerError: It is not its turn, or an answer cannot be one; nothing has changed.
        """
        worker = self.tracks[name]
        head = worker.outstanding[0] if worker.outstanding else None
        if head is None or head.batch != message.batch:
            raise PeerError(f"worker {name}: answers batch {message.batch}, not its turn")
        if len(message.results) != len(head.tasks):
            raise PeerError(
                f"worker {name}: expected {len(head.tasks)} results, got {len(message.results)}"
            )
        ran_through = head.audits | self._policies.full(head.tasks)
        for number, result in enumerate(message.results):
            check_result(
                result,
                num_exits=self._plan.num_exits,
                num_classes=len(self._plan.labels),
                ran_through=number in ran_through,
                observed=self._policies.adapter is not None,
                may_be_late=self.deadlines.has_one(head.tasks[number]),
            )
        worker.finish(message, now_ns)
        self.answer_ns += int((now_ns - head.sent_ns - self.answer_ns) * _OF_LATE)
        self._is_proven = True
        return head

    def computes(self, name: str, batch: int) -> bool:
        """Whether this is the batch whose answer is due."""
        outstanding = self.tracks[name].outstanding
        return bool(outstanding) and outstanding[0].batch == batch

    def note(self, name: str, batch: Dispatched) -> Note:
        """Which regions were answered together: what a bit-exact replay needs to know."""
        return Note(
            {
                "kind": "batch",
                "worker": name,
                "policy_version": batch.policy_version,
                "regions": [
                    [self._sources.number(t.frame.source), t.frame.header.frame, t.number]
                    for t in batch.tasks
                ],
                "audits": sorted(batch.audits),
            }
        )

    def lose(self, name: str) -> tuple[Loss, list[RegionTask]]:
        """A worker died: what that means, and the regions that are to blame for it."""
        suspects, untouched = self.tracks[name].lose()
        self._dispatcher.put_back(untouched, self._sources)
        poison: list[RegionTask] = []
        for task in suspects:
            task.deaths += 1
            if task.deaths < POISON_DEATHS:
                self._dispatcher.retry_alone(task)
            else:
                poison.append(task)
        # Poison after poison and no answer between: it is the worker that is broken.
        loss = Loss(bool(poison) and self._is_proven)
        self._is_proven = self._is_proven and not poison
        return loss, poison

    def forgive(self, away_ns: int, now_ns: int) -> None:
        """Time in which no answer was taken does not count."""
        for worker in self.tracks.values():
            worker.running_since_ns = min(worker.running_since_ns + away_ns, now_ns)

    def kills(self, now_ns: int) -> list[Kill]:
        """Workers whose batch is past its deadline."""
        late = [
            worker
            for worker in self.tracks.values()
            if worker.identity and worker.is_late(now_ns, self._plan.batch_deadline_ns)
        ]
        for worker in late:
            worker.running_since_ns = now_ns
        return [Kill(f"{worker.identity}", "a batch is past its deadline") for worker in late]

    def _batch(self, worker: WorkerTrack, tasks: list[RegionTask], now_ns: int) -> Send:
        assert worker.identity is not None
        number, self._next_batch = self._next_batch, self._next_batch + 1
        version = self._policies.in_force.version
        audits, probability = self._policies.audits(tasks)
        worker.begin(Dispatched(number, version, tasks, now_ns, audits, probability), now_ns)
        full = sorted(audits | self._policies.full(tasks))
        crops = b"".join(task.crop for task in tasks)
        budgets_ms = self.deadlines.budgets_ms(tasks, set(full), now_ns)
        return Send(worker.identity, Batch(number, version, len(tasks), full, budgets_ms), crops)

    def _policy_for(self, peer: str) -> Send:
        policy = self._policies.in_force
        return Send(peer, PolicyBody(policy.version, policy.body))
