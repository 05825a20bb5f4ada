"""The hub: fairness, order, ledger and redelivery in one place, without I/O.

Messages and a clock go in, actions come out. Everything that must stay consistent while children
die at any moment is decided here, on one thread, so that it can be tested by calling functions.
"""

from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import PeerError, StageError
from pipeline.messages import (
    SCHEMA_VERSION,
    Batch,
    BatchDone,
    ChildMessage,
    Closed,
    Counters,
    Credit,
    EndConfirmed,
    Fatal,
    Frames,
    Hello,
    PolicyBody,
    ReaderStatus,
    RegionResult,
    SinkAck,
    SourceEnded,
    Stop,
)
from pipeline.readers.base import ResumePoint
from pipeline.redact import redact
from pipeline.sinks.base import Record
from pipeline.stages.hub.actions import Action, Alarm, Kill, Note, Send
from pipeline.stages.hub.adapter import Adapter
from pipeline.stages.hub.dispatch import Dispatcher
from pipeline.stages.hub.observed import check_observed
from pipeline.stages.hub.policies import Policies, PolicyInForce, of_full_depth
from pipeline.stages.hub.records import Times, end_record, frame_record, region_record
from pipeline.stages.hub.sink import SinkTrack
from pipeline.stages.hub.smoothing import Smoother
from pipeline.stages.hub.source import PendingFrame, RegionTask, SourceTrack
from pipeline.stages.hub.statistics import Answer, Statistics
from pipeline.stages.hub.worker import Dispatched, WorkerTrack

START_TOGETHER_NS = 5_000_000_000
"""Sources that are ready wait so long for one whose reader has not said hello."""
POISON_DEATHS = 2
"""A region that was being computed when so many workers died is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPlan:
    """What the hub needs to know of the run."""

    sources: list[str]
    workers: list[str]
    sinks: list[str]
    labels: list[str]
    num_exits: int
    full_macs: int
    crop_bytes: int
    policy_version: int
    policy_body: dict[str, Any]
    max_batch: int = 64
    credits: int = 8
    credits_of: dict[str, int] = field(default_factory=dict)
    """Where a source has another number."""
    batch_deadline_ns: int = 30_000_000_000
    always_full: frozenset[str] = frozenset()
    """Sources whose every region runs to full depth."""
    min_confidence: float = 0.0
    """An answer that is less sure has no label."""
    draws: dict[str, str] = field(default_factory=dict)
    """Sinks that draw, and the source whose frames each of them takes out of shared memory."""
    waits_for_sinks: frozenset[str] = frozenset()
    """Sources whose frames wait for the sinks that draw them, instead of going undrawn."""
    smooth: tuple[int, int] = (1, 1)
    """So many of the last so many answers must agree on the label that is shown."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What the death of a child meant."""

    by_poison: bool = False
    """A region is to blame, and it is dropped: its two restarts are free."""


class Hub:
    """State of a whole run.

    Args:
        plan: What is run.
        adapter: Changes the policy while it runs; None keeps the plan's.
    """

    def __init__(self, plan: HubPlan, adapter: Adapter | None = None) -> None:
        self.plan = plan
        begin = PolicyInForce(plan.policy_version, plan.policy_body)
        self.policies = Policies(begin, adapter, plan.always_full)
        self.sources = {
            name: SourceTrack(
                name,
                plan.crop_bytes,
                plan.credits_of.get(name, plan.credits),
                waits_for_sinks=name in plan.waits_for_sinks,
            )
            for name in plan.sources
        }
        self.workers = {name: WorkerTrack(name) for name in plan.workers}
        self.sinks = {name: SinkTrack(name, plan.draws.get(name)) for name in plan.sinks}
        self.statistics = Statistics(plan.num_exits, plan.full_macs)
        self.fatal: list[str] = []
        """Why children gave up; the run fails with these."""
        self._smoother = Smoother(*plan.smooth)
        self._dispatcher = Dispatcher(self.sources.values(), plan.max_batch)
        self._roles: dict[str, tuple[str, str]] = {}
        self._next_batch = 0
        self._actions: list[Action] = []
        self._is_stopping = False
        self._waiting_since_ns: int | None = None
        """When frames could first have been asked for, but for a source not heard of."""
        self._is_proven = True
        """A batch was answered since the last poison: the fault was the region's."""

    # --- what the driver tells --------------------------------------------------------------------

    def child_started(self, identity: str, role: str, name: str) -> None:
        """A child with this identity may now speak."""
        self._roles[identity] = (role, name)
        if role == "reader" and self.sources[name].ended is None:
            self.sources[name].state = "starting"

    def child_lost(self, identity: str) -> Loss:
        """A child is gone; what it held is taken back."""
        role, name = self._roles.pop(identity, ("", ""))
        if role == "worker" and self.workers[name].identity == identity:
            return self._worker_lost(self.workers[name])
        if role == "sink" and self.sinks[name].identity == identity:
            self.sinks[name].lost()
        if role == "reader":
            self.sources[name].reader = None
            if self.sources[name].ended is None:
                self.sources[name].state = "restarting"
        return Loss()

    def resume_source(
        self, name: str, point: ResumePoint | None, regions: int, frames: int
    ) -> None:
        """Begin a source where an earlier run broke off."""
        self.sources[name].resume(point, frames=frames, regions=regions)

    def remember_label(self, record: Record) -> None:
        """Take a line of an earlier session into the smoothing of labels."""
        self._smoother.label(record)

    def source_already_ended(
        self, name: str, reason: str, counters: Counters, processed: int
    ) -> None:
        """An earlier run wrote this source's end."""
        source = self.sources[name]
        source.counters, source.processed = counters, processed
        source.resumed_frames = processed
        source.ended = SourceEnded(name, reason, counters)
        source.end_recorded = True
        source.state = "ended"

    def source_failed(self, name: str, reason: str) -> None:
        """No reader will come for it any more; what was accepted is still finished."""
        source = self.sources[name]
        if source.ended is None:
            source.ended = SourceEnded(name, reason, source.counters, ok=False)
            source.state = "failed"

    def stop(self) -> None:
        """Drain: no new frames, everything accepted is finished."""
        self._is_stopping = True
        for source in self.sources.values():
            if source.reader is not None:
                self._send(source.reader, Stop())

    def receive(self, peer: str, message: ChildMessage, blob: bytes, now_ns: int) -> None:
        """Take a child's message.

        Raises:
            PeerError: The message does not fit the state of its sender; it had no effect.
        """
        role, name = self._roles.get(peer, ("", ""))
        match message:
            case Hello():
                self._hello(peer, role, name, message)
            case Frames() if role == "reader" and message.source == name:
                self._frames(peer, message, blob)
            case ReaderStatus() if role == "reader" and message.source == name:
                self.sources[name].counters = message.counters
            case SourceEnded() if role == "reader" and message.source == name:
                self._source_ended(peer, message)
            case BatchDone() if role == "worker":
                self._batch_done(self.workers[name], message, now_ns)
            case SinkAck() if role == "sink":
                self._sink_took(self.sinks[name], message, message.offset)
                self.sinks[name].heard_ns = now_ns
            case Closed() if role == "sink":
                self._sink_took(self.sinks[name], message, self.sinks[name].offset)
                self.sinks[name].closed = True
            case Fatal():
                self._fatal(role, name, message.text)
            case _:
                raise PeerError(f"{peer}: unexpected {type(message).__name__} from {role or '?'}")

    def step(self, now_ns: int) -> list[Action]:
        """Do what has become possible; returns what the driver must carry out."""
        self._release()
        self._dispatch(now_ns)
        self._feed_sinks(now_ns)
        self._grant_credits(now_ns)
        self._watch_deadlines(now_ns)
        actions, self._actions = self._actions, []
        return actions

    # --- what the driver asks ---------------------------------------------------------------------

    @property
    def is_done(self) -> bool:
        """Every source has ended and every sink has closed."""
        return all(sink.closed for sink in self.sinks.values()) and self._sources_finished

    @property
    def num_waiting(self) -> int:
        """Regions without a worker."""
        return self._dispatcher.num_waiting

    def check_ledger(self) -> None:
        """Hold the balance: captured = processed + dropped + in flight, for each source.

        Raises:
            StageError: A frame is unaccounted for.
        """
        for source in self.sources.values():
            ledger = source.ledger
            known = ledger.processed + sum(ledger.dropped.values()) + ledger.in_flight
            if ledger.captured != known:
                raise StageError(
                    f"ledger of {source.name}: captured {ledger.captured}, accounted for {known}"
                )

    # --- messages ---------------------------------------------------------------------------------

    def _hello(self, peer: str, role: str, name: str, message: Hello) -> None:
        if (message.role, message.name) != (role, name):
            raise PeerError(f"{peer}: expected {role} {name}, got {message.role} {message.name}")
        if message.schema != SCHEMA_VERSION:
            raise PeerError(f"{peer}: expected schema {SCHEMA_VERSION}, got {message.schema}")
        if role == "reader":
            self.sources[name].said_hello(peer)
            if self._is_stopping:
                self._send(peer, Stop())
        elif role == "worker":
            worker = self.workers[name]
            worker.identity, worker.ready = peer, True
            worker.description = str(message.about.get("description", ""))
            worker.precision = (
                str(message.about["precision"]) if "precision" in message.about else None
            )
            policy = self.policies.in_force
            self._send(peer, PolicyBody(policy.version, policy.body))
        elif role == "sink":
            self.sinks[name].said_hello(peer, _keys(message.about.get("keys", {}), peer))

    def _frames(self, peer: str, message: Frames, blob: bytes) -> None:
        try:
            self.sources[message.source].accept(message, blob, peer)
        except PeerError:
            # Its account is wrong from here on; its successor begins with the last good frame.
            self._actions.append(Kill(peer, "sent a frame that cannot be accepted"))
            raise

    def _source_ended(self, peer: str, message: SourceEnded) -> None:
        source = self.sources[message.source]
        source.counters = message.counters
        if source.ended is None:
            source.ended = message
            source.state = "ended"
            if not message.ok:
                self._actions.append(Alarm(f"source {source.name}: {message.reason}"))
        self._send(peer, EndConfirmed())

    def _sink_took(self, sink: SinkTrack, message: SinkAck | Closed, offset: int) -> None:
        for record in sink.acknowledged(message.seq, offset):
            if "picture" in record:
                reader, slot = record["picture"]
                self.sources[record["source"]].drawn((reader, slot))
        more = sink.has_lost(message.lost)
        if more:
            self._actions.append(Alarm(f"sink {sink.name}: {more} frames are lost"))

    def _fatal(self, role: str, name: str, text: str) -> None:
        text = redact(text)
        self.fatal.append(text)
        if role == "reader":
            self.source_failed(name, text)

    # --- workers ----------------------------------------------------------------------------------

    def _batch_done(self, worker: WorkerTrack, message: BatchDone, now_ns: int) -> None:
        head = worker.outstanding[0] if worker.outstanding else None
        if head is None or head.batch != message.batch:
            raise PeerError(f"worker {worker.name}: answers batch {message.batch}, not its turn")
        if len(message.results) != len(head.tasks):
            raise PeerError(
                f"worker {worker.name}: expected {len(head.tasks)} results, "
                f"got {len(message.results)}"
            )
        full = self.policies.full(head.tasks)
        for number, result in enumerate(message.results):
            self._check(result, ran_through=number in head.audits or number in full)
        worker.finish(message.batch, now_ns)
        self._is_proven = True
        worker.batches += 1
        worker.regions += len(head.tasks)
        worker.busy_ms += message.infer_ms
        worker.cpu_ms += message.cpu_ms
        self._actions.append(Note(self._batch_note(worker, head)))
        for number, (task, result) in enumerate(zip(head.tasks, message.results, strict=True)):
            given = of_full_depth(result) if number in full else result
            self._answered(task, given, head, message.infer_ms, now_ns)
        before = self.policies.in_force
        self._actions += self.policies.learn(head, message)
        if self.policies.in_force is not before:
            self._announce(self.policies.in_force)

    def _announce(self, policy: PolicyInForce) -> None:
        """Send a policy to every worker there is; others get it in answer to their hello."""
        for worker in self.workers.values():
            if worker.identity is not None and worker.ready:
                self._send(worker.identity, PolicyBody(policy.version, policy.body))

    def _batch_note(self, worker: WorkerTrack, batch: Dispatched) -> dict[str, Any]:
        """Which regions were answered together: what a bit-exact replay needs to know."""
        numbers = {name: number for number, name in enumerate(self.plan.sources)}
        return {
            "kind": "batch",
            "worker": worker.name,
            "policy_version": batch.policy_version,
            "regions": [
                [numbers[t.frame.source], t.frame.header.frame, t.number] for t in batch.tasks
            ],
            "audits": sorted(batch.audits),
        }

    def _check(self, result: RegionResult, *, ran_through: bool) -> None:
        if not 0 <= result.label_id < len(self.plan.labels):
            raise PeerError(
                f"result: label_id {result.label_id} of {len(self.plan.labels)} classes"
            )
        if not 0 <= result.exit < self.plan.num_exits:
            raise PeerError(f"result: exit {result.exit} of {self.plan.num_exits}")
        check_observed(
            result,
            num_exits=self.plan.num_exits,
            num_classes=len(self.plan.labels),
            ran_through=ran_through,
            observed=self.policies.adapter is not None,
        )

    def _answered(
        self,
        task: RegionTask,
        result: RegionResult,
        batch: Dispatched,
        infer_ms: float,
        now_ns: int,
    ) -> None:
        frame = task.frame
        captured_ns = frame.header.captured_mono_ns
        total_ms = (now_ns - captured_ns) / 1e6
        queue_ms = (batch.sent_ns - captured_ns) / 1e6
        frame.records[task.number] = region_record(
            task,
            result,
            label=self._label(result),
            policy_version=batch.policy_version,
            times=Times(queue_ms, infer_ms, total_ms),
        )
        frame.missing -= 1
        self.statistics.add(Answer(result.exit, result.difficulty, result.macs, total_ms))
        source = self.sources[frame.source]
        source.left_at(result.exit)
        if frame.missing == 0:
            source.frame_age_ms, source.position_s = total_ms, frame.header.pts_s

    def _label(self, result: RegionResult) -> str | None:
        # As it is written, so that a reader of the results who rounds no further agrees.
        is_sure = round(result.confidence, 6) >= self.plan.min_confidence
        return self.plan.labels[result.label_id] if is_sure else None

    def _worker_lost(self, worker: WorkerTrack) -> Loss:
        suspects, untouched = worker.lose()
        self._dispatcher.put_back(untouched, self.sources)
        by_poison = False
        for task in suspects:
            task.deaths += 1
            if task.deaths < POISON_DEATHS:
                self._dispatcher.retry_alone(task)
                continue
            by_poison = True
            self._drop_region(task, "poison")
        # Poison after poison and no answer between: it is the worker that is broken.
        loss = Loss(by_poison and self._is_proven)
        self._is_proven = self._is_proven and not by_poison
        return loss

    def _drop_region(self, task: RegionTask, reason: str) -> None:
        frame = task.frame
        frame.missing -= 1
        frame.dropped = reason
        self._actions.append(
            Alarm(
                f"source {frame.source}: frame {frame.header.frame} region {task.number}: {reason}"
            )
        )

    # --- steps ------------------------------------------------------------------------------------

    def _release(self) -> None:
        for source in self.sources.values():
            for frame in source.release():
                self._put_records(frame)
                self._put_picture(source, frame)
            if source.is_finished and not source.end_recorded:
                source.end_recorded = True
                self._put(end_record(source))
        if self._sources_finished:
            for sink in self.sinks.values():
                sink.close_wanted = True

    def _put_records(self, frame: PendingFrame) -> None:
        for record in frame.records:
            if record is not None:
                record["smoothed_label"] = self._smoother.label(record)
                self._put(record)

    def _put_picture(self, source: SourceTrack, frame: PendingFrame) -> None:
        drawing = [sink for sink in self.sinks.values() if sink.draws == source.name]
        for sink in drawing:
            if frame.header.slot is None:
                sink.frames_dropped += 1
            else:
                sink.put(frame_record(frame))
        source.lease(frame, len(drawing))

    def _put(self, record: Record) -> None:
        for sink in self.sinks.values():
            if sink.wants(record):
                sink.put(record)

    def _dispatch(self, now_ns: int) -> None:
        while True:
            free = [worker for worker in self.workers.values() if worker.can_take]
            if not free or not self.num_waiting:
                return
            idle = [worker for worker in free if not worker.outstanding]
            worker = idle[0] if idle else min(free, key=lambda w: len(w.outstanding[0].tasks))
            if not idle and self.num_waiting < len(worker.outstanding[0].tasks):
                # A worker that is busy gets its next batch once that batch is worth as much.
                return
            share = -(-self.num_waiting // max(1, len(idle)))
            self._send_batch(worker, self._dispatcher.next_batch(share), now_ns)

    def _send_batch(self, worker: WorkerTrack, tasks: list[RegionTask], now_ns: int) -> None:
        assert worker.identity is not None
        number, self._next_batch = self._next_batch, self._next_batch + 1
        version = self.policies.in_force.version
        audits, probability = self.policies.audits(tasks)
        batch = Dispatched(number, version, tasks, now_ns, audits, probability)
        worker.begin(batch, now_ns)
        self._send(
            worker.identity,
            Batch(number, version, len(tasks), sorted(audits | self.policies.full(tasks))),
            b"".join(task.crop for task in tasks),
        )

    def _feed_sinks(self, now_ns: int) -> None:
        for sink in self.sinks.values():
            for message in sink.messages(now_ns):
                assert sink.identity is not None
                self._send(sink.identity, message)

    def _grant_credits(self, now_ns: int) -> None:
        if any(sink.is_full for sink in self.sinks.values()):
            return
        if not any(worker.ready for worker in self.workers.values()):
            # Frames would only grow old here; a camera's are dropped where they cost nothing.
            return
        if not self._all_begin(now_ns):
            return
        for source in self.sources.values():
            if source.reader is not None and source.ended is None and source.is_credit_due:
                self._send(source.reader, Credit(source.credits_due, source.slots_due))
                source.credits_due = source.slots_due = 0

    def _all_begin(self, now_ns: int) -> bool:
        """All begin together: a process that starts faster gets no head start of seconds.

        A source whose reader is not heard of is waited for only so long.
        """
        if all(source.was_heard or source.ended for source in self.sources.values()):
            return True
        if self._waiting_since_ns is None:
            self._waiting_since_ns = now_ns
        return now_ns - self._waiting_since_ns >= START_TOGETHER_NS

    def _watch_deadlines(self, now_ns: int) -> None:
        deadline_ns = self.plan.batch_deadline_ns
        for worker in self.workers.values():
            if worker.identity and worker.is_late(now_ns, deadline_ns):
                worker.running_since_ns = now_ns
                self._actions.append(Kill(worker.identity, "a batch is past its deadline"))
        for sink in self.sinks.values():
            if sink.is_late(now_ns, deadline_ns) and sink.identity:
                sink.heard_ns = now_ns
                self._actions.append(Kill(sink.identity, "records are past their deadline"))

    @property
    def _sources_finished(self) -> bool:
        return all(source.is_finished for source in self.sources.values())

    def _send(self, peer: str, message: Any, blob: bytes = b"") -> None:
        self._actions.append(Send(peer, message, blob))


def _keys(plain: Any, peer: str) -> dict[str, tuple[int, int]]:
    try:
        return {str(source): (int(key[0]), int(key[1])) for source, key in plain.items()}
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise PeerError(f"{peer}: keys: expected source: [frame, region], got {plain!r}") from error
