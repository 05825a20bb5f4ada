"""One fault after another into a run, and how it came back from each."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

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
            answers; None if that did not come.
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
        self._start_limit_s = runtime.start_timeout_s
        self._window_s = runtime.restart_window_s
        # One in reserve: a process may also die of a fault that struck another.
        self._most_restarts = max(1, runtime.max_restarts - 1)

    def wait_for_start(self) -> None:
        """Wait until everything runs.

        Raises:
            StageError: It does not, in the time that a start may take.
        """
        problem = self._recovered(self._start_limit_s, gone=None)
        if problem is not None:
            raise StageError(f"the run has not begun after {self._start_limit_s:g} s: {problem}")

    def run(self, strikes: Sequence[Strike]) -> str | None:
        """Carry out all of them; returns what could not be survived, in one line."""
        begin_s = time.monotonic()
        pending = list(strikes)
        while pending:
            try:
                strike = self._next(pending)
                self._scene.wait(strike.pause_s)
                hit = self._strike(strike, time.monotonic() - begin_s)
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

    def _strike(self, strike: Strike, at_s: float) -> Hit:
        scene = self._scene
        gone = None
        if strike.stage is not None and not strike.seconds:
            gone = (strike.stage, scene.pid_of(strike.stage))
        try:
            did = self._faults[strike.kind].strike(scene, strike)
            over_s = time.monotonic()
            problem = self._recovered(RECOVERY_LIMIT_S, gone)
        except RunEndedError as error:
            problem = str(error)
            hit = Hit(strike, round(at_s, 2), "", None, problem)
            return hit
        recovery_s = None if problem else round(time.monotonic() - over_s, 3)
        return Hit(strike, round(at_s, 2), did, recovery_s, problem)

    def _recovered(self, limit_s: float, gone: tuple[Stage, int | None] | None) -> str | None:
        """Wait until every stage lives and every source has new answers; else what is missing."""
        scene = self._scene
        scene.look()
        before = dict(scene.tail.counts)
        deadline_s = time.monotonic() + limit_s
        seen: int | None = None
        while True:
            ended = sorted(self._endless & scene.tail.ended)
            if ended:
                return f"{', '.join(ended)} has ended, which should not end"
            missing = self._missing(before, gone)
            if not missing and gone is not None and gone[0].role == "worker":
                # Its process is there; a state that was published since says whether it works.
                seen = scene.snapshots if seen is None else seen
                missing = [] if scene.snapshots >= seen + 2 else ["a newer state"]
                missing = missing or self._idle_workers()
            if not missing:
                return None
            if time.monotonic() > deadline_s:
                return f"after {limit_s:g} s still without {', '.join(missing)}"
            scene.wait(_LOOK_S)

    def _missing(
        self, before: Mapping[str, int], gone: tuple[Stage, int | None] | None
    ) -> list[str]:
        tail = self._scene.tail
        silent = [
            f"new answers of {name}"
            for name in self._sources
            if name not in tail.ended and tail.counts[name] <= before.get(name, 0)
        ]
        living = self._scene.living()
        dead = [
            str(stage)
            for stage in self._stages
            if self._is_needed(stage) and living.get(stage) in {None, _pid_of(gone, stage)}
        ]
        return dead + silent

    def _idle_workers(self) -> list[str]:
        snapshot = self._scene.snapshot
        workers = [] if snapshot is None else snapshot.workers
        return [f"worker/{each.name} at work" for each in workers if each.state != "running"]

    def _is_needed(self, stage: Stage) -> bool:
        return stage.role != "reader" or stage.name not in self._scene.tail.ended


def _pid_of(gone: tuple[Stage, int | None] | None, stage: Stage) -> int | None:
    return gone[1] if gone is not None and gone[0] == stage else None
