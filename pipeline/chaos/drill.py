"""One fault after another into a run, and how it came back from each."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pipeline.chaos.fault import Fault
from pipeline.chaos.scene import RunEndedError, Scene
from pipeline.chaos.schedule import Strike
from pipeline.chaos.stages import SUPERVISOR, Stage, stages_of
from pipeline.errors import StageError
from pipeline.supervisor.plan import RunPlan
from pipeline.supervisor.source_traits import traits_of

RECOVERY_LIMIT_S: Final = 120.0
_LOOK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Hit:
    """One fault, and what became of it.

    Attributes:
        strike: As it was planned.
        at_s: When it began, since the first fault.
        did: What was done, where the plan does not say it all.
        recovery_s: From the end of the fault until every stage lived and every source gave new
            answers; None if that did not come, or if the next fault came first.
        problem: What did not come back, in one line.
    """

    strike: Strike
    at_s: float
    did: str
    recovery_s: float | None
    problem: str | None = None


class Drill:
    """Strikes a run, waits until it has recovered, and strikes again.

    Args:
        plan: Of the run.
        scene: The run.
        faults: By kind.
        say: Is told of each hit.
    """

    def __init__(
        self,
        plan: RunPlan,
        scene: Scene,
        faults: Mapping[str, Fault],
        say: Callable[[Hit], None],
    ) -> None:
        self.hits: list[Hit] = []
        self._scene = scene
        self._faults = faults
        self._say = say
        self._stages = [stage for stage in stages_of(plan) if stage.role != SUPERVISOR]
        self._sources = [stage.name for stage in self._stages if stage.role == "reader"]
        self._endless = {
            name
            for name, source in plan.config.sources.items()
            if source.loop is True or traits_of(source).live
        }
        runtime = plan.config.runtime
        self._has_struck_worker = False
        """Since all workers were last seen at work."""
        self._start_limit_s = runtime.start_timeout_s
        self._window_s = runtime.restart_window_s
        # One in reserve: a process may also die of a fault that struck another.
        self._most_restarts = max(1, runtime.max_restarts - 1)

    def wait_for_start(self) -> None:
        """Wait until everything runs.

        Raises:
            StageError: It does not, in the time that a start may take.
        """
        problem = self._recovered(self._start_limit_s, killed=None)
        if problem is not None:
            raise StageError(f"the run has not begun after {self._start_limit_s:g} s: {problem}")

    def run(self, strikes: Sequence[Strike]) -> str | None:
        """Carry out all of them; returns what could not be survived, in one line."""
        begin_s = time.monotonic()
        pending = list(strikes)
        while pending:
            try:
                strike = self._next(pending)
                is_hurried = bool(self.hits) and self.hits[-1].strike.in_haste
                self._scene.wait(0.0 if is_hurried else strike.pause_s)
                # What follows the last one is the end, and that asks for a sound run.
                hit = self._strike(strike, time.monotonic() - begin_s, is_last=not pending)
            except RunEndedError as error:
                return str(error)
            self.hits.append(hit)
            self._say(hit)
            if hit.problem is not None:
                return f"{strike.kind} of {strike.target}: {hit.problem}"
        return None

    def _next(self, pending: list[Strike]) -> Strike:
        """The first whose target may be restarted once more without using up its budget."""
        while True:
            for strike in pending:
                if self._may_strike(strike.stage):
                    pending.remove(strike)
                    return strike
            self._scene.wait(1.0)

    def _may_strike(self, stage: Stage | None) -> bool:
        if stage is None:
            return True
        since_s = time.monotonic() - self._window_s
        recent = [born_s for born_s in self._scene.born_s.get(stage, ()) if born_s > since_s]
        return len(recent) < self._most_restarts

    def _strike(self, strike: Strike, at_s: float, *, is_last: bool) -> Hit:
        scene = self._scene
        killed = None
        if strike.stage is not None and not strike.seconds:
            killed = _Process(strike.stage, scene.pid_of(strike.stage))
        self._has_struck_worker |= strike.stage is not None and strike.stage.role == "worker"
        did, problem, recovery_s = "", None, None
        try:
            did = self._faults[strike.kind].strike(scene, strike)
            if is_last or not strike.in_haste:
                over_s = time.monotonic()
                problem = self._recovered(RECOVERY_LIMIT_S, killed)
                problem = problem or self._working(over_s + RECOVERY_LIMIT_S)
                recovery_s = None if problem else round(time.monotonic() - over_s, 3)
        except RunEndedError as error:
            problem = str(error)
        return Hit(strike, round(at_s, 2), did, recovery_s, problem)

    def _recovered(self, limit_s: float, killed: "_Process | None") -> str | None:
        """Wait until every stage lives and every source has new answers; else what is missing."""
        scene = self._scene
        scene.look()
        before = dict(scene.tail.counts)
        missing: list[str] = []
        deadline_s = time.monotonic() + limit_s
        while time.monotonic() < deadline_s:
            ended = sorted(self._endless & scene.tail.ended)
            if ended:
                return f"{', '.join(ended)} has ended, which should not end"
            missing = self._dead(killed) + self._silent(before)
            if not missing:
                return None
            scene.wait(_LOOK_S)
        return f"after {limit_s:g} s still without {', '.join(missing)}"

    def _dead(self, killed: "_Process | None") -> list[str]:
        living = self._scene.living()
        ended = self._scene.tail.ended
        return [
            str(stage)
            for stage in self._stages
            if (stage not in living or killed == _Process(stage, living[stage]))
            and not (stage.role == "reader" and stage.name in ended)
        ]

    def _silent(self, before: Mapping[str, int]) -> list[str]:
        tail = self._scene.tail
        return [
            f"new answers of {name}"
            for name in self._sources
            if name not in tail.ended and tail.counts[name] <= before.get(name, 0)
        ]

    def _working(self, deadline_s: float) -> str | None:
        """Wait until every worker works; others may have answered for one that still loads."""
        scene = self._scene
        if not self._has_struck_worker:
            return None
        known = scene.snapshots + 1  # one more may have been on its way
        while time.monotonic() < deadline_s:
            states = [] if scene.snapshot is None else [w.state for w in scene.snapshot.workers]
            if scene.snapshots > known and all(state == "running" for state in states):
                self._has_struck_worker = False
                return None
            scene.wait(_LOOK_S)
        return "a worker does not work"


class _Process(NamedTuple):
    stage: Stage
    pid: int | None
