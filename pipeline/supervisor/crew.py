"""The children of a run: started, watched, restarted, ended."""

import logging
import os
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from pipeline.messages import Stop
from pipeline.readers import Backoff
from pipeline.specs import AnySpec
from pipeline.stages.hub import Hub
from pipeline.supervisor.children import Child, ChildProcess
from pipeline.supervisor.plan import RunPlan
from pipeline.supervisor.restarts import RestartBudget
from pipeline.supervisor.run_log import RunLog
from pipeline.supervisor.specs import ChildKey, SpecFactory
from pipeline.transport import HubSocket

_GOODBYE_S = 5.0
_POLL_S = 0.01
_START_RETRY_S = 1.0
"""Until the system may have room for another process again."""

log = logging.getLogger(__name__)


class Crew:
    """All children, by identity.

    Args:
        plan: What is run.
        hub: Is told of every birth and death.
        specs: What each child is told.
        socket: Woken by the children's log pipes.
        run_log: Where their lines go.
        begin: Starts a child, as a process or a thread.
    """

    def __init__(
        self,
        plan: RunPlan,
        hub: Hub,
        specs: SpecFactory,
        socket: HubSocket,
        run_log: RunLog,
        begin: Callable[[AnySpec], Child],
    ) -> None:
        self._plan = plan
        self._hub = hub
        self._specs = specs
        self._socket = socket
        self._log = run_log
        self._begin = begin
        self._children: dict[str, Child] = {}
        self._born_s: dict[str, float] = {}
        self._by_descriptor: dict[int, Child] = {}
        self._budgets: dict[ChildKey, RestartBudget] = {}
        self._backoffs: dict[ChildKey, Backoff] = {}
        self._due: dict[ChildKey, float] = {}
        self._unstarted_since_s: dict[ChildKey, float] = {}
        self._hung: set[str] = set()
        self._cpu_s: dict[str, float] = {}
        self._waiting_workers: list[ChildKey] = []
        self._is_draining = False
        self.restarts = 0
        self.given_up: str | None = None
        """Why the run cannot go on, naming the child."""

    def start_all(self, *, screen: bool) -> None:
        """Start every role of the plan."""
        keys: list[ChildKey] = [("sink", name) for name in self._plan.sink_names]
        first, *others = [("worker", name) for name in self._plan.worker_names]
        keys.append(first)
        if self._plan.config.model.precision == "auto":
            # They compute in the precision that the first one measures out.
            self._waiting_workers = others
        else:
            keys += others
        remote = self._plan.remote_sources
        keys += [
            ("reader", name)
            for name, source in self._hub.sources.items()
            if source.ended is None and name not in remote
        ]
        if screen:
            keys.append(("monitor", "terminal"))
        for key in keys:
            self._start(key)

    def start_due(self, now_s: float) -> None:
        """Start the children whose delay is over, or who waited for the first worker."""
        if any(worker.precision for worker in self._hub.workers.values()):
            for key in self._waiting_workers:
                self._start(key)
            self._waiting_workers = []
        for key in [key for key, due_s in self._due.items() if due_s <= now_s]:
            del self._due[key]
            self._start(key)

    def drain(self) -> None:
        """Readers are not restarted any more."""
        self._is_draining = True
        for role, name in [key for key in self._due if key[0] == "reader"]:
            del self._due[role, name]
            self._hub.source_failed(name, "stopped")

    def start_reader(self, source: str) -> None:
        """Read a source that the hub has taken in while the run goes on."""
        self._start(("reader", source))

    def stop_reader(self, source: str) -> None:
        """Start no further reader of a source that is to leave; the hub tells one that lives."""
        key = ("reader", source)
        self._due.pop(key, None)
        lives = any((c.role, c.spec.name) == key for c in self._children.values())
        if not lives:
            self._hub.source_left(source)

    def forget_reader(self, source: str) -> None:
        """A source is gone: nothing is kept for the next reader of that name."""
        self._budgets.pop(("reader", source), None)
        self._backoffs.pop(("reader", source), None)
        self._specs.forget_rings(source)

    def kill(self, identity: str) -> None:
        """End a child at once that does not do what it should."""
        if identity in self._children:
            self._hung.add(identity)
            self._children[identity].kill()

    def forgive(self, away_s: float) -> None:
        """Nobody listened for so long, not even to a hello."""
        for identity in self._born_s:
            self._born_s[identity] += away_s

    def reap(self, now_s: float) -> None:
        """Notice who has died or never spoke, and decide what follows."""
        for identity, child in list(self._children.items()):
            if not child.is_alive:
                self._bury(identity, child, now_s)
            elif self._is_mute(identity, child, now_s):
                log.warning("%s: no hello in time; killed", child.stage)
                self.kill(identity)
        faults = [text for text in self._hub.fatal if text not in self._hub.source_faults]
        if faults:
            self.given_up = self.given_up or faults[0]

    def read_logs(self, ready: AbstractSet[int]) -> None:
        """Take what the children behind these descriptors have said."""
        for descriptor in ready:
            child = self._by_descriptor.get(descriptor)
            if child is not None:
                self._read_log(child, descriptor)

    def read_all_logs(self) -> None:
        """Take what is left."""
        for descriptor, child in list(self._by_descriptor.items()):
            self._read_log(child, descriptor)

    def measure(self) -> None:
        """Bring processor times up to date."""
        for child in self._children.values():
            child.measure()

    @property
    def cpu_s(self) -> dict[str, float]:
        """Processor time by stage, all incarnations; the supervisor's own beside them."""
        times = os.times()
        total = {"supervisor": times.user + times.system, **self._cpu_s}
        for child in self._children.values():
            if child.cpu_s is not None:
                total[child.stage] = total.get(child.stage, 0.0) + child.cpu_s
        return total

    @property
    def worker_states(self) -> dict[str, str]:
        """State of each worker, for people."""
        return {
            name: "running" if worker.ready else ("restarting" if worker.batches else "starting")
            for name, worker in self._hub.workers.items()
        }

    def dismiss(self, *, at_once: bool) -> None:
        """End everybody: orderly, then by closing their input, then by force."""
        for identity, child in self._children.items():
            # One that is still loading has nothing to finish, and does not listen yet.
            if _can_be_killed(child) and (at_once or not self._has_spoken(identity, child)):
                child.kill()
            else:
                self._socket.send(identity, Stop())
        if not at_once:
            self._wait(_GOODBYE_S / 2)
        for child in self._children.values():
            child.release()
        self._wait(_GOODBYE_S)
        for child in self._children.values():
            if child.is_alive:
                log.warning("%s: did not leave; killed", child.stage)
                child.kill()
        self.measure()
        self.read_all_logs()
        for child in self._children.values():
            child.close()

    # --- details ----------------------------------------------------------------------------------

    def _start(self, key: ChildKey) -> None:
        spec = self._specs.build(key)
        self._hub.child_started(spec.identity, *key)
        try:
            child = self._begin(spec)
        except (OSError, RuntimeError) as error:  # the latter for threads
            self._hub.child_lost(spec.identity)
            self._start_later(key, error)
            return
        self._unstarted_since_s.pop(key, None)
        self._children[spec.identity] = child
        self._born_s[spec.identity] = time.monotonic()
        if child.log_descriptor is not None:
            self._by_descriptor[child.log_descriptor] = child
            self._socket.watch(child.log_descriptor)

    def _start_later(self, key: ChildKey, error: Exception) -> None:
        """The system had no room for a child; that often passes, so it is no death of the child."""
        now_s = time.monotonic()
        stage, why = "/".join(key), str(getattr(error, "strerror", None) or error)
        if key not in self._unstarted_since_s:
            log.warning("%s: cannot be started: %s; tried again every second", stage, why)
        tried_s = now_s - self._unstarted_since_s.setdefault(key, now_s)
        limit_s = self._plan.config.runtime.start_timeout_s
        if tried_s > limit_s:
            self.given_up = self.given_up or (
                f"{stage}: could not be started for {limit_s:g} s: {why}; "
                "see limits of processes and memory"
            )
        elif self._is_needed(key):
            self._due[key] = now_s + _START_RETRY_S

    def _bury(self, identity: str, child: Child, now_s: float) -> None:
        descriptor = child.log_descriptor
        if descriptor is not None:
            self._read_log(child, descriptor)
            self._forget(descriptor)
        if child.cpu_s is not None:
            self._cpu_s[child.stage] = self._cpu_s.get(child.stage, 0.0) + child.cpu_s
        del self._children[identity]
        child.close()
        key = (child.role, child.spec.name)
        has_spoken = self._has_spoken(identity, child)
        held_s = now_s - self._born_s.pop(identity)
        if identity in self._hung:
            self._hung.remove(identity)
            self._discount(key, held_s, has_spoken=has_spoken)
        loss = self._hub.child_lost(identity)
        if not self._is_needed(key):
            return
        if child.role == "reader" and has_spoken and self._hub.sources[child.spec.name].is_live:
            self._reopen(key, child, now_s, held_s)
        else:
            self._restart(key, child, now_s, free=loss.by_poison)

    def _reopen(self, key: ChildKey, child: Child, now_s: float, held_s: float) -> None:
        """Start the reader of a camera again, for ever: what it broke on is no fault of the run."""
        reconnect = self._hub.sources[key[1]].plan.config.reconnect
        backoff = self._backoffs.setdefault(key, Backoff(reconnect.first, reconnect.cap))
        delay_s = backoff.next(held_s)
        log.warning("%s: ended with %s; again in %.1f s", child.stage, child.ending, delay_s)
        self.restarts += 1
        self._due[key] = now_s + delay_s

    def _is_needed(self, key: ChildKey) -> bool:
        role, name = key
        if role == "reader":
            if self._is_draining:
                self._hub.source_failed(name, "stopped")
            self._hub.source_left(name)  # if it is to leave
            return self._hub.sources[name].ended is None
        if role == "sink":
            return not self._hub.sinks[name].closed
        return role in {"worker", "monitor"}

    def _restart(self, key: ChildKey, child: Child, now_s: float, *, free: bool) -> None:
        runtime = self._plan.config.runtime
        budget = self._budgets.setdefault(
            key, RestartBudget(runtime.max_restarts, runtime.restart_window_s)
        )
        if free:
            budget.refund()
        delay_s = 0.0 if free else budget.spend(now_s)
        if delay_s is None and child.role == "monitor":
            log.warning("%s: ended too often; `dart-stream top` shows the run", child.stage)
            return
        if delay_s is None:
            self.given_up = (
                f"{child.stage}: ended with {child.ending} more than {runtime.max_restarts} times "
                f"in {runtime.restart_window_s:g} s; giving up"
            )
            return
        log.warning("%s: ended with %s; restarting", child.stage, child.ending)
        self.restarts += 1
        self._due[key] = now_s + delay_s

    def _discount(self, key: ChildKey, held_s: float, *, has_spoken: bool) -> None:
        """Time for which a child hung is none in which it did well."""
        hung_s = self._plan.config.runtime.batch_deadline_s if has_spoken else held_s
        if key in self._budgets:
            self._budgets[key].discount(min(hung_s, held_s))

    def _is_mute(self, identity: str, child: Child, now_s: float) -> bool:
        if now_s - self._born_s[identity] < self._plan.config.runtime.start_timeout_s:
            return False
        return child.role != "monitor" and not self._has_spoken(identity, child)

    def _has_spoken(self, identity: str, child: Child) -> bool:
        """It has said hello; a monitor never does."""
        name = child.spec.name
        spoken_for = {
            "worker": lambda: self._hub.workers[name].identity,
            "sink": lambda: self._hub.sinks[name].identity,
            "reader": lambda: self._hub.sources[name].reader,
        }
        return child.role in spoken_for and spoken_for[child.role]() == identity

    def _read_log(self, child: Child, descriptor: int) -> None:
        for line in child.read_log():
            self._log.child_line(child.stage, line)
        if child.log_descriptor is None:
            self._forget(descriptor)

    def _forget(self, descriptor: int) -> None:
        self._socket.unwatch(descriptor)
        self._by_descriptor.pop(descriptor, None)

    def _wait(self, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            self.measure()
            if not any(child.is_alive for child in self._children.values()):
                return
            time.sleep(_POLL_S)


def _can_be_killed(child: Child) -> bool:
    """Nothing is lost with it; a sink writes what it has, a thread cannot be ended at all."""
    return isinstance(child, ChildProcess) and child.role in {"reader", "worker"}
