"""The hub: fairness, order, ledger and redelivery in one place, without I/O.

Messages and a clock go in, actions come out. Everything that must stay consistent while children
die at any moment is decided here, on one thread, so that it can be tested by calling functions.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from pipeline.errors import PeerError, StageError
from pipeline.hearsay import hearsay
from pipeline.messages import (
    SCHEMA_VERSION,
    BatchDone,
    ChildMessage,
    Closed,
    Counters,
    Credit,
    EndConfirmed,
    Fatal,
    Frames,
    Hello,
    ReaderStatus,
    RegionResult,
    SinkAck,
    SourceEnded,
    Stop,
)
from pipeline.readers.base import ResumePoint
from pipeline.sinks.base import STOPPED, Record
from pipeline.stages.hub.actions import Action, Alarm, Kill, Note, Retired, Send
from pipeline.stages.hub.adapter import Adapter
from pipeline.stages.hub.capture_times import captured_by
from pipeline.stages.hub.crew import Crew, Loss
from pipeline.stages.hub.deadlines import Deadlines
from pipeline.stages.hub.outlet import Outlet
from pipeline.stages.hub.plan import HubPlan, Session, SourcePlan
from pipeline.stages.hub.policies import Policies, PolicyInForce, of_full_depth
from pipeline.stages.hub.reader_watch import ReaderWatch
from pipeline.stages.hub.records import Times, region_record
from pipeline.stages.hub.sink import SinkTrack
from pipeline.stages.hub.source import RegionTask
from pipeline.stages.hub.sources import Sources
from pipeline.stages.hub.statistics import Answer, Statistics
from pipeline.stages.hub.truth import Truth
from pipeline.stages.hub.worker import Dispatched, WorkerTrack

_MAX_FATAL = 4_000
"""Characters of a child's last words."""
START_TOGETHER_NS = 5_000_000_000
"""Sources that are ready wait so long for one whose reader has not said hello."""


class Hub:
    """State of a whole run.

    Args:
        plan: What is run.
        adapter: Changes the policy while it runs; None keeps the plan's.
    """

    def __init__(self, plan: HubPlan, adapter: Adapter | None = None) -> None:
        self.plan = plan
        begin = PolicyInForce(plan.policy_version, plan.policy_body)
        self.sources = Sources(plan.sources, plan.crop_bytes, plan.sessions)
        if adapter is not None:
            adapter.know(self.sources.names)  # a run that goes on may have them in another order
        self.policies = Policies(begin, adapter, self.sources)
        self._readers = ReaderWatch(self.sources)
        self._crew = Crew(plan, self.policies, self.sources)
        self._outlet = Outlet(plan, self.sources)
        self.statistics = Statistics(plan.num_exits, plan.full_macs)
        self.fatal: list[str] = []
        """Why children gave up; the run fails with these."""
        self.source_faults: set[str] = set()
        """Those of them that ended a source, not the run."""
        self._roles: dict[str, tuple[str, str]] = {}
        self._greeted: set[str] = set()
        """Children that have said hello and live."""
        self._gave_up: set[str] = set()
        """Children that have said why they cannot go on."""
        self._actions: list[Action] = []
        self.truth = Truth()
        self.is_paused = False
        """No new frames are asked for; what was accepted is finished."""
        self._is_stopping = False
        self._has_begun = False
        self._waiting_since_ns: int | None = None
        """When frames could first have been asked for, but for a source not heard of."""

    # --- what the driver tells --------------------------------------------------------------------

    def child_started(self, identity: str, role: str, name: str) -> None:
        """A child with this identity may now speak."""
        self._roles[identity] = (role, name)
        self._greeted.discard(identity)
        if role == "reader" and self.sources[name].ended is None:
            self.sources[name].state = self.sources[name].state_without_pictures

    def child_lost(self, identity: str) -> Loss:
        """A child is gone; what it held is taken back."""
        role, name = self._roles.pop(identity, ("", ""))
        self._greeted.discard(identity)
        if role == "worker" and self.workers[name].identity == identity:
            return self._worker_lost(name)
        if role == "sink" and self.sinks[name].identity == identity:
            self.sinks[name].lost()
        if role == "reader":
            self.sources[name].reader = None
            if self.sources[name].ended is None:
                is_live = self.sources[name].is_live
                self.sources[name].state = "reconnecting" if is_live else "restarting"
        return Loss()

    def resume_source(
        self,
        name: str,
        point: ResumePoint | None,
        regions: int,
        frames: int,
        segment: int = 0,
    ) -> None:
        """Begin a source where an earlier run broke off."""
        self.sources[name].resume(point, frames=frames, regions=regions, segment=segment)

    def remember_label(self, record: Record) -> None:
        """Take a line of an earlier session into the smoothing of labels."""
        self._outlet.remember_label(record)

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

    def begin_source(self, plan: SourcePlan, session: Session | None = None) -> None:
        """Take another source in while the run goes on; its reader is yet to start.

        Args:
            plan: Its name is not in use, but may have been.
            session: Where its numbers begin; None goes on behind what this part of the run knows.
        """
        track = self.sources.begin(plan, session)
        self._crew.joined(track)
        adapter = self.policies.adapter
        if adapter is not None:
            adapter.know(self.sources.names)
        self._actions.append(Note({"kind": "sources", "names": list(self.sources.names)}))

    def release_source(self, name: str, reason: str) -> None:
        """Read a source no more; what was accepted is finished. `Retired` tells when it is gone.

        Args:
            name: Of one that is read, or has ended.
            reason: For its end record, unless it had come to an end of its own.
        """
        source = self.sources[name]
        if source.leaving is None:
            source.leaving = reason
            if source.reader is not None and source.ended is None:
                self._send(source.reader, Stop())

    def source_left(self, name: str) -> None:
        """A source that is to leave has no reader any more that could say how it ended."""
        source = self.sources[name]
        if source.ended is None and source.leaving is not None:
            source.ended = SourceEnded(name, source.leaving, source.counters)
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

    def steer(self, step: Callable[[Policies], list[Action]]) -> None:
        """Change what decides; workers hear of it before their next batch."""
        before = self.policies.in_force
        self._actions += step(self.policies)
        if self.policies.in_force is not before:
            self._actions += self._crew.announce()

    def receive(self, peer: str, message: ChildMessage, blob: bytes, now_ns: int) -> None:
        """Take a child's message.

        Raises:
            PeerError: The message does not fit the state of its sender; it had no effect.
        """
        role, name = self._roles.get(peer, ("", ""))
        if role and peer not in self._greeted and not isinstance(message, Hello | Fatal):
            raise PeerError(f"{peer}: {type(message).__name__} before its hello")
        if role == "reader":
            self._readers.heard(name, now_ns)
        match message:
            case Hello():
                self._hello(peer, role, name, message)
            case Frames() if role == "reader" and message.source == name:
                self._frames(peer, captured_by(now_ns, message), blob)
            case ReaderStatus() if role == "reader" and message.source == name:
                self.sources[name].reported(message.counters)
                self._readers.status(message, now_ns)
            case SourceEnded() if role == "reader" and message.source == name:
                self._source_ended(peer, message)
            case BatchDone() if role == "worker":
                self._batch_done(peer, name, message, now_ns)
            case SinkAck() | Closed() if role == "sink":
                self._actions += self._outlet.took(name, message, now_ns)
            case Fatal() if role and peer not in self._gave_up:
                self._gave_up.add(peer)
                self._fatal(role, name, message.text)
            case _:
                raise PeerError(f"{peer}: unexpected {type(message).__name__} from {role or '?'}")

    def forgive(self, away_ns: int, now_ns: int) -> None:
        """The driver was away for so long: it took no message, and nobody is late for that."""
        self._crew.forgive(away_ns, now_ns)
        self._outlet.forgive(away_ns, now_ns)
        self._readers.forgive(away_ns, now_ns)

    def step(self, now_ns: int) -> list[Action]:
        """Do what has become possible; returns what the driver must carry out."""
        for source in self.sources.values():
            source.expire(now_ns, self._crew.answer_ns)
        self._outlet.release()
        self._actions += self._crew.dispatch(now_ns)
        self._actions += self._outlet.messages(now_ns)
        self._grant_credits(now_ns)
        self._actions += self._crew.kills(now_ns)
        self._actions += self._outlet.kills(now_ns)
        self._actions += self._readers.actions(now_ns)
        self._retire()
        actions, self._actions = self._actions, []
        return actions

    # --- what the driver asks ---------------------------------------------------------------------

    @property
    def workers(self) -> dict[str, WorkerTrack]:
        """By name."""
        return self._crew.tracks

    @property
    def deadlines(self) -> Deadlines:
        """How many answers met theirs."""
        return self._crew.deadlines

    @property
    def sinks(self) -> dict[str, SinkTrack]:
        """By name."""
        return self._outlet.tracks

    @property
    def is_done(self) -> bool:
        """Every source has ended and every sink has closed."""
        return self._outlet.is_closed and self.sources.is_over

    @property
    def num_waiting(self) -> int:
        """Regions without a worker."""
        return self._crew.num_waiting

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
        if peer in self._greeted:
            raise PeerError(f"{peer}: said hello already")
        if role == "reader":
            self.sources[name].said_hello(peer)
            self._readers.began(name)
            if self._is_stopping or self.sources[name].leaving is not None:
                self._send(peer, Stop())
        elif role == "worker":
            self._actions.append(self._crew.said_hello(name, peer, message))
        elif role == "sink":
            self._outlet.said_hello(name, peer, message)
        self._greeted.add(peer)

    def _frames(self, peer: str, message: Frames, blob: bytes) -> None:
        try:
            self.sources[message.source].accept(message, blob, peer)
        except PeerError:
            # Its account is wrong from here on; its successor begins with the last good frame.
            self._actions.append(Kill(peer, "sent a frame that cannot be accepted"))
            raise

    def _source_ended(self, peer: str, message: SourceEnded) -> None:
        source = self.sources[message.source]
        if source.ended is None:
            source.reported(message.counters)
            source.link = message.link
            is_asked = source.leaving is not None and message.reason == STOPPED
            # A reader of the user's own may name its whole URI.
            own = hearsay(message.reason)
            reason = source.leaving if is_asked and source.leaving else own
            source.ended = msgspec.structs.replace(message, reason=reason)
            source.state = "ended"
            if not message.ok:
                self._actions.append(Alarm(f"source {source.name}: {source.ended.reason}"))
        self._send(peer, EndConfirmed())

    def _fatal(self, role: str, name: str, text: str) -> None:
        text = hearsay(text, _MAX_FATAL)
        self.fatal.append(text)
        if role == "reader":
            self.source_faults.add(text)
            self.source_failed(name, text)

    # --- workers ----------------------------------------------------------------------------------

    def _batch_done(self, peer: str, name: str, message: BatchDone, now_ns: int) -> None:
        try:
            batch = self._crew.answered(name, message, now_ns)
        except PeerError:
            if self._crew.computes(name, message.batch):
                # No other answer will come; its regions need not wait for the deadline.
                self._actions.append(Kill(peer, "gave an answer that cannot be one"))
            raise
        self._actions.append(self._crew.note(name, batch))
        full = self.policies.full(batch.tasks)
        whole = full | batch.audits
        for number, (task, result) in enumerate(zip(batch.tasks, message.results, strict=True)):
            given = of_full_depth(result) if number in full else result
            total_ms = self._answered(task, given, batch, message.infer_ms, now_ns)
            self.deadlines.answered(task, given, total_ms=total_ms, is_full=number in whole)
        self.steer(lambda policies: policies.learn(batch, message))

    def _answered(
        self,
        task: RegionTask,
        result: RegionResult,
        batch: Dispatched,
        infer_ms: float,
        now_ns: int,
    ) -> float:
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
        self.truth.remember((frame.source, frame.header.frame, task.number), result)
        self.statistics.add(Answer(result.exit, result.difficulty, result.macs, total_ms))
        source = self.sources[frame.source]
        source.left_at(result.exit)
        if frame.missing == 0:
            source.frame_age_ms, source.position_s = total_ms, frame.header.pts_s
            if source.freshness is not None:
                source.freshness.answered(now_ns)
        return total_ms

    def _label(self, result: RegionResult) -> str | None:
        # As it is written, so that a reader of the results who rounds no further agrees.
        is_sure = round(result.confidence, 6) >= self.plan.min_confidence
        return self.plan.labels[result.label_id] if is_sure else None

    def _worker_lost(self, name: str) -> Loss:
        loss, poison = self._crew.lose(name)
        for task in poison:
            self._drop_region(task, "poison")
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

    def _grant_credits(self, now_ns: int) -> None:
        if self._outlet.is_full or self.is_paused:
            return
        if not self._crew.is_ready:
            # Frames would only grow old here; a camera's are dropped where they cost nothing.
            return
        if not self._all_begin(now_ns):
            return
        for source in self.sources.values():
            is_read = source.ended is None and source.leaving is None
            if source.reader is not None and is_read:
                frames, slots = source.grant(now_ns)
                if frames or slots:
                    self._send(source.reader, Credit(frames, slots))

    def _all_begin(self, now_ns: int) -> bool:
        """All begin together: a process that starts faster gets no head start of seconds.

        A source whose reader is not heard of is waited for only so long.
        """
        if self._has_begun:
            return True  # one that comes later holds up nobody
        if self._waiting_since_ns is None:
            self._waiting_since_ns = now_ns
        self._has_begun = (
            all(source.was_heard or source.ended for source in self.sources.values())
            or now_ns - self._waiting_since_ns >= START_TOGETHER_NS
        )
        return self._has_begun

    def _retire(self) -> None:
        """Let go of the sources that are to leave and hold nothing any more."""
        for source in [each for each in self.sources.values() if each.leaving is not None]:
            is_read = ("reader", source.name) in self._roles.values()
            # What comes after it relies on its last line: nothing of it may still be on the way.
            is_written = source.end_recorded and not self._outlet.awaits(source.name)
            if is_written and not source.leases and not is_read:
                self._crew.left(self.sources.retire(source.name))
                self._readers.left(source.name)
                self._outlet.left(source.name)
                self._actions.append(Retired(source.name))

    def _send(self, peer: str, message: Any, blob: bytes = b"") -> None:
        self._actions.append(Send(peer, message, blob))
