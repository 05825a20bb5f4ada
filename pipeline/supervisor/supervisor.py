"""The supervisor: one loop that owns the hub, its socket and every child."""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from pipeline import heap
from pipeline.commands import AnyCommand, Reload, SourceAdd, SourceChange, command_words
from pipeline.config_file import LoadedConfig
from pipeline.errors import CommandError, PeerError, StageError
from pipeline.messages import Batch
from pipeline.one_line import one_line, visible
from pipeline.power import PowerMeter
from pipeline.recording import TELEMETRY, Recording
from pipeline.redact import redact
from pipeline.snapshot import PowerSnap, Snapshot
from pipeline.specs import AnySpec
from pipeline.stages.hub import Action, Alarm, Hub, Kill, NewPolicy, Note, Retired, Send
from pipeline.supervisor.absence import Absence
from pipeline.supervisor.adapter_keeper import AdapterKeeper
from pipeline.supervisor.children import Child, ChildProcess, ChildThread
from pipeline.supervisor.crew import Crew
from pipeline.supervisor.listening import open_door
from pipeline.supervisor.out_lock import OutLock
from pipeline.supervisor.plan import RunPlan
from pipeline.supervisor.recording_head import recording_head
from pipeline.supervisor.remotes import Remotes
from pipeline.supervisor.resume import apply_progress, resumed_hub_plan
from pipeline.supervisor.run_folder import RunFolder, frames_folder
from pipeline.supervisor.run_log import RunLog, StageHandler
from pipeline.supervisor.snapshots import RunState, SnapshotMaker, total_ledger
from pipeline.supervisor.source_list import Origin, SourceList
from pipeline.supervisor.specs import SpecFactory
from pipeline.supervisor.steering import Steering
from pipeline.supervisor.summary import make_summary
from pipeline.transport import HubSocket, Received, new_context

_CAN_PAUSE = ("starting", "running")
_TURN_MS = 100
_REAP_INTERVAL_S = 0.05
_PUBLISH_INTERVAL_S = 0.5
_SHOWN_LOG_LINES = 20
_ALARMS_KEPT = 1_000
_GOODBYE_S = 2.0
_REFUSALS_LOGGED = 50
"""Kinds; a stranger may give itself any number of names."""
_OUT_TIMEOUT_S = 10.0
"""Children of a killed run leave within 5 s."""

log = logging.getLogger(__name__)


def _plain(command: AnyCommand) -> dict[str, Any]:
    if isinstance(command, SourceAdd | SourceChange):
        settings = [redact(setting) for setting in command.settings]
        command = msgspec.structs.replace(command, settings=settings)
    return {"command": command_words(command), "arguments": msgspec.structs.asdict(command)}


def _as_it_is(plan: RunPlan) -> Origin:
    return Origin(LoadedConfig(plan.config, msgspec.to_builtins(plan.config)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    exit_status: int
    summary: dict[str, Any]
    error: str | None = None
    """One line, if it failed."""


class Supervisor:
    """Runs a plan to its end.

    Args:
        plan: What to run.
        out: Folder for what the run leaves; it exists.
        screen: Start the terminal monitor; the log is then not echoed.
        on_snapshot: Called twice a second with the state of the run.
        resume: `out` holds an unfinished run that goes on.
        origin: Where the plan's configuration comes from; None takes it as it is.

    Raises:
        ConfigError: Another run still writes to `out`.
    """

    def __init__(
        self,
        plan: RunPlan,
        out: Path,
        *,
        screen: bool = False,
        on_snapshot: Callable[[Snapshot], None] | None = None,
        resume: bool = False,
        origin: Origin | None = None,
    ) -> None:
        self._plan = plan
        self._origin = origin or _as_it_is(plan)
        self._out = out
        self._screen = screen
        self._on_snapshot = on_snapshot
        self._runtime = plan.config.runtime
        self._out_lock = OutLock(out, timeout_s=_OUT_TIMEOUT_S)
        recording = plan.config.recording
        self._log = RunLog(out / "run.log", echo=not screen, max_bytes=recording.log_bytes)
        self._handler = StageHandler(self._log)
        self.hub = Hub(resumed_hub_plan(plan, self._origin.kept), plan.adapter())
        if resume:
            apply_progress(self.hub, plan, out, self._origin.kept)
        self._keeper = AdapterKeeper(self.hub, out, plan.config.adaptation.state)
        self._interrupts = 0
        self._reload_wanted = False
        self._draining_since_s: float | None = None
        self._error: str | None = None
        self._alarms: deque[str] = deque(maxlen=_ALARMS_KEPT)
        self._num_alarms = 0
        self._begin_s: float | None = None
        """When the first batch went out; start-up is over then."""
        self._processed_before = total_ledger(self.hub).processed
        self._due_s = {"reap": 0.0, "publish": 0.0}
        self._due_s["heap"] = time.monotonic() + heap.INTERVAL_S
        self._housekeeping = heap.Housekeeping()
        self._refused_logged: set[str] = set()
        self._state = "starting"
        self._is_cut_short = False
        self._exit = ExitStack()
        """Gives back what is held, in the order of need."""
        self._exit.callback(self._out_lock.close)
        self._exit.callback(self._log.close)

    # --- from outside -----------------------------------------------------------------------------

    def interrupt(self, *, only_once: bool = False) -> None:
        """Drain and end; called again, end at once. Safe in a signal handler.

        Args:
            only_once: Do nothing if it is draining already.
        """
        if not (only_once and self._interrupts):
            self._interrupts += 1

    def reload(self) -> None:
        """Have the configuration file read again, for its sources. Safe in a signal handler."""
        self._reload_wanted = True

    def run(self) -> Outcome:
        """Run to the end, whatever that is."""
        with self._exit:
            return self._run()

    def _run(self) -> Outcome:
        if self._runtime.type != "threads":
            heap.map_large_blocks()  # saving adaptation's state takes a megabyte for a moment
        self._open()
        try:
            self._crew.start_all(screen=self._screen)
            self._sources.begin_awaited()
            self._absence = Absence(time.monotonic())
            while not self._is_over:
                self._turn()
        except StageError as error:
            self._error = str(error)
        finally:
            outcome = self._close()
        return outcome

    # --- the loop ---------------------------------------------------------------------------------

    def _turn(self) -> None:
        ready = self._socket.wait(_TURN_MS)
        self._take_messages()
        self._take_commands()
        self._reload_if_wanted()
        self._crew.read_logs(ready)
        now_s = time.monotonic()
        self._forgive(self._absence.ended(now_s))
        if now_s >= self._due_s["reap"]:
            self._due_s["reap"] = now_s + _REAP_INTERVAL_S
            self._crew.reap(now_s)
            self._crew.start_due(now_s)
            self._remotes.watch(time.monotonic_ns())
        self._carry_out(self.hub.step(time.monotonic_ns()))
        if now_s >= self._due_s["publish"]:
            self._due_s["publish"] = now_s + _PUBLISH_INTERVAL_S
            # All that the adapter has learned from is noted by now.
            self._recording.settle(now_s)
            self._publish()
            self._keeper.save_if_due(now_s)
        if now_s >= self._due_s["heap"]:
            self._due_s["heap"] = now_s + heap.INTERVAL_S
            self._housekeeping.tidy()
        self._watch_interrupts(now_s)

    def _forgive(self, away_s: float) -> None:
        """Time in which nobody listened counts against nobody."""
        if not away_s:
            return
        log.warning("has not run for %.1f s; nobody is late for that", away_s)
        away_ns, now_ns = int(away_s * 1e9), time.monotonic_ns()
        self.hub.forgive(away_ns, now_ns)
        self._remotes.forgive(away_ns, now_ns)
        self._crew.forgive(away_s)
        if self._draining_since_s is not None:
            self._draining_since_s += away_s

    def _take_messages(self) -> None:
        for received in self._socket.receive():
            if isinstance(received, PeerError):
                self._refuse(received)
                continue
            try:
                self._take(received, time.monotonic_ns())
            except PeerError as error:
                self._socket.refused += 1
                self._refuse(error)
        if self._begin_s is None and total_ledger(self.hub).processed > self._processed_before:
            self._begin()  # with frames that have no regions

    def _take_commands(self) -> None:
        for asked in self._socket.commands():
            if isinstance(asked, PeerError):
                self._refuse(asked)
                continue
            command = asked.request.command
            try:
                text = self._steering.obey(command)
            except CommandError as error:
                self._socket.reply(asked, ok=False, text=visible(str(error)))
                continue
            log.info("%s: %s", command_words(command), text)
            self._recording.note({"kind": "command", **_plain(command)})
            self._socket.reply(asked, ok=True, text=text)

    def _reload_if_wanted(self) -> None:
        if not self._reload_wanted:
            return
        self._reload_wanted = False
        try:
            log.info("reload: %s", self._sources.obey(Reload()))
        except CommandError as error:
            log.warning("reload: %s; the run goes on unchanged", error)

    def _take(self, received: Received, now_ns: int) -> None:
        if not self._remotes.receive(received, now_ns):
            self.hub.receive(received.peer, received.message, received.blob, now_ns)

    def _refuse(self, error: PeerError) -> None:
        """A message that cannot be accepted is counted; each kind is logged once."""
        kind = str(error).split(":", 1)[0]
        if kind not in self._refused_logged and len(self._refused_logged) < _REFUSALS_LOGGED:
            self._refused_logged.add(kind)
            log.warning("refused a message: %s", one_line(str(error)))

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(peer, message, blob):
                    if not self._socket.send(peer, message, blob):
                        # It is dead or reads no more; its successor gets what it lacks.
                        log.warning("%s: did not take %s; killed", peer, type(message).__name__)
                        self._kill(peer, "it takes nothing")
                    elif self._begin_s is None and isinstance(message, Batch):
                        self._begin()
                case Kill(peer, reason):
                    self._alarm(f"{peer}: {reason}; killed")
                    self._kill(peer, reason)
                case Alarm(text):
                    self._alarm(text)
                case Retired(name):
                    self._sources.retired(name)
                case Note(body):
                    self._recording.note(body)
                case NewPolicy(version, body, by_hand):
                    self._put_in_force(version, body, by_hand=by_hand)
                    self._keeper.save()

    def _begin(self) -> None:
        self._begin_s = time.monotonic()
        if self._state == "starting":
            self._state = "running"

    def _kill(self, peer: str, reason: str) -> None:
        self._crew.kill(peer)
        self._remotes.drop(peer, reason)

    def _put_in_force(self, version: int, body: dict[str, Any], *, by_hand: bool = False) -> None:
        """Make a policy known to disk; it is sent to workers after this."""
        self._keeper.number(version)
        self._recording.policy(version, body, self.hub.policies.rows, by_hand=by_hand)
        self._recording.flush()

    def _alarm(self, text: str) -> None:
        log.warning("%s", text)
        self._alarms.append(text)
        self._num_alarms += 1

    def _watch_interrupts(self, now_s: float) -> None:
        if self._interrupts and self._draining_since_s is None:
            log.info("stopping: accepted frames are finished; once more ends at once")
            self._draining_since_s = now_s
            self._state = "draining"
            self._sources.drain()
            self.hub.stop()
            self._crew.drain()
            self._remotes.drain()
        if self._draining_since_s is None:
            return
        if now_s - self._draining_since_s > self._runtime.drain_timeout_s:
            waits = [f"; sink {s.name}: {s.trouble}" for s in self.hub.sinks.values() if s.trouble]
            raise StageError(
                f"not drained after {self._runtime.drain_timeout_s:g} s{''.join(waits)}"
            )

    @property
    def _is_over(self) -> bool:
        return self.hub.is_done or self._interrupts > 1 or self._crew.given_up is not None

    # --- start and end ----------------------------------------------------------------------------

    def _open(self) -> None:
        logging.getLogger().addHandler(self._handler)
        self._exit.callback(logging.getLogger().removeHandler, self._handler)
        logging.getLogger().setLevel(logging.INFO)
        self._folder = RunFolder()
        self._exit.callback(self._folder.close)
        self._frames = frames_folder() if self._plan.draws else None
        if self._frames is not None:
            self._exit.callback(self._frames.close)
        self._context = new_context()
        self._exit.callback(self._context.destroy, linger=0)
        self._door = open_door(self._plan.config.listen)
        threads = self._runtime.type == "threads"
        hub_endpoint, telemetry = (
            (
                f"inproc://{self._folder.path.name}-{name}"
                if threads
                else self._folder.endpoint(name)
            )
            for name in ("hub", "telemetry")
        )
        self._socket = HubSocket(
            self._context,
            hub_endpoint,
            sorted({telemetry, self._folder.endpoint("telemetry")}),  # others watch from outside
            self._folder.endpoint("control"),
            self._door,
        )
        self._exit.callback(self._socket.close)
        self._folder.advertise(self._out)
        restored = self._keeper.restore()
        self._keeper.number(self.hub.policies.in_force.version)
        self._recording = Recording(
            self._out,
            head=lambda: recording_head(self._plan, self.hub),
            max_bytes=self._plan.config.recording.max_bytes,
        )
        self._exit.callback(self._recording.close)
        self._recording.begin()
        self._power = PowerMeter()
        self._exit.callback(self._power.close)
        self._power_snap = PowerSnap()
        self._snapshots = SnapshotMaker(self._plan, self.hub, self._out.name)
        specs = SpecFactory(
            self._plan,
            self.hub,
            self._out,
            folder=self._folder.path,
            frames_folder=None if self._frames is None else self._frames.path,
            endpoints=(hub_endpoint, telemetry),
        )
        self._crew = Crew(
            self._plan,
            self.hub,
            specs,
            self._socket,
            self._log,
            self._start_child,
        )
        self._sources = SourceList(self._plan, self._origin, self.hub, self._crew, self._out)
        self._steering = Steering(
            self.hub,
            list(self._plan.model.classes),
            lambda: self.interrupt(only_once=True),
            self._sources.obey,
        )
        self._remotes = Remotes(
            self._plan, self.hub, specs, door=self._door, send=self._socket.send, alarm=self._alarm
        )
        log.info(
            "run %s: %d sources, %d workers, model %s, results in %s",
            self._out.name,
            len(self.hub.sources),
            self._runtime.workers,
            self._plan.model.name,
            self._out,
        )
        for words in (self._plan.adaptation.words, restored, self._plan.deadline_words):
            if words is not None:
                log.info("%s", words)

    def _say_goodbye(self) -> None:
        """Readers on other hosts hear that their end has arrived before their connection goes."""
        deadline_s = time.monotonic() + _GOODBYE_S
        while self._remotes.num_held and time.monotonic() < deadline_s:
            self._socket.wait(_TURN_MS)
            self._take_messages()

    def _start_child(self, spec: AnySpec) -> Child:
        if self._runtime.type == "threads":
            return ChildThread(spec, self._context)
        return ChildProcess(spec, self._out_lock.descriptor)

    def _close(self) -> Outcome:
        end_s = time.monotonic()
        # Whoever interrupts what is complete has not cut it short.
        is_late = self.hub.is_done and self._draining_since_s is None
        self._is_cut_short = bool(self._interrupts) and not is_late
        self._error = self._error or self._crew.given_up
        self._state = "done"
        self._keeper.save()
        self._publish()
        if self._error is None and self._interrupts <= 1:
            self._say_goodbye()
        self._crew.dismiss(at_once=self._interrupts > 1 or self._error is not None)
        self._crew.read_all_logs()
        summary = make_summary(
            self._plan,
            self.hub,
            self._run_state(),
            duration_s=end_s - (self._begin_s or end_s),
            cpu_s=self._crew.cpu_s,
        )
        try:
            self.hub.check_ledger()
        except StageError as error:
            self._error = self._error or str(error)
        if self._error is not None:
            log.error("%s", self._error)
        log.info("done at %s", datetime.now().astimezone().isoformat(timespec="seconds"))
        return Outcome(self._exit_status, summary, self._error or "; ".join(self.hub.fatal) or None)

    @property
    def _exit_status(self) -> int:
        if self.hub.fatal:
            return 2
        if self._error is not None:
            return 1
        return 130 if self._is_cut_short else 0

    def _publish(self) -> None:
        for words in [*self._recording.take_words(), *self._log.take_words()]:
            self._alarm(words)
        self._crew.measure()
        self._power_snap = self._power.sample(time.monotonic())
        snapshot = self._snapshots.make(self._run_state())
        self._socket.publish(snapshot)
        self._recording.snapshot(snapshot)
        self._recording.flush()
        if self._on_snapshot is not None:
            self._on_snapshot(snapshot)

    def _run_state(self) -> RunState:
        return RunState(
            state="paused" if self.hub.is_paused and self._state in _CAN_PAUSE else self._state,
            restarts=self._crew.restarts,
            alarms=list(self._alarms),
            num_alarms=self._num_alarms,
            log=list(self._log.tail)[-_SHOWN_LOG_LINES:],
            power=self._power_snap,
            worker_states=self._crew.worker_states,
            cpu_s=self._crew.cpu_s,
            refused_messages=self._socket.refused,
            not_written={TELEMETRY: self._recording.lost, "run.log": self._log.lost},
            refused_clients=self._remotes.refused_clients,
        )
