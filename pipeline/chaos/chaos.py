"""A drill from beginning to end: what can be done here, the run, the faults, the check."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.chaos.drill import Drill, Hit
from pipeline.chaos.fault import Fault
from pipeline.chaos.ledger_check import Checked, check_ledger, results_name
from pipeline.chaos.registry import FAULTS
from pipeline.chaos.report import ChaosReport
from pipeline.chaos.scene import Scene
from pipeline.chaos.schedule import Strike, Target, draw
from pipeline.config import JsonlSinkConfig
from pipeline.errors import ConfigError, StageError
from pipeline.supervisor.machine import host, versions
from pipeline.supervisor.plan import RunPlan
from pipeline.supervisor.source_traits import traits_of

RUN: Final = "run"
"""Folder of the run, within that of the drill."""
_ERRORS: Final = "run.stderr"
_END_EXTRA_S: Final = 60.0
_LEFT_BEHIND_S: Final = 5.0
_STATUSES: Final = {0, 130}
"""Of a run that ended in good order: by itself, or because it was asked to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted.

    Attributes:
        config: File of the run's configuration.
        plan: What it says, checked.
        out: Folder for everything; it exists and is empty.
        faults: How many.
        seed: Of them.
        only: Kinds; empty for all.
        command: As it was typed.
    """

    config: Path
    plan: RunPlan
    out: Path
    faults: int
    seed: int
    only: Sequence[str]
    command: str


@dataclass(slots=True)
class _Arms:
    """Faults that can be done here, against this run."""

    faults: dict[str, Fault] = field(default_factory=dict)
    targets: dict[str, list[Target]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def require_drillable(plan: RunPlan) -> None:
    """Refuse a run that a drill could learn nothing from.

    Raises:
        ConfigError: It has no processes, writes no results, or ends by itself.
    """
    config = plan.config
    if config.runtime.type != "processes":
        raise ConfigError("runtime.type: expected processes, which can be killed, got threads")
    if not any(isinstance(sink, JsonlSinkConfig) for sink in config.sinks):
        raise ConfigError("sinks: expected one of type jsonl, whose lines are checked, got none")
    if any(isinstance(sink, JsonlSinkConfig) and sink.max_mb for sink in config.sinks):
        raise ConfigError("sinks: expected no max_mb of jsonl, since every line is counted")
    sources = config.sources.values()
    if not any(traits_of(source).live or source.loop is True for source in sources):
        raise ConfigError(
            "sources: expected one that does not end (a camera, or `loop: true`), got none"
        )


def carry_out(asked: Asked, say: Callable[[str], None], see: Callable[[Hit], None]) -> ChaosReport:
    """Run, strike, check.

    Args:
        asked: What is wanted.
        say: Is told in a line what goes on.
        see: Is told of each fault.

    Raises:
        ConfigError: No kind of fault can be done.
    """
    arms = _arm(asked)
    for kind, reason in arms.skipped.items():
        say(f"{kind}: skipped: {reason}")
    if not arms.faults:
        raise ConfigError("--only: none of these faults can be done here against this run")
    strikes = draw(asked.seed, asked.faults, arms.targets)
    scene = Scene(
        asked.config,
        asked.out / RUN,
        results_name(asked.plan.config),
        asked.out / _ERRORS,
        arms.environment,
    )
    drill = Drill(asked.plan, scene, arms.faults, see)
    say(f"{len(strikes)} faults from seed {asked.seed} into {asked.out / RUN}")
    begin_s = time.monotonic()
    try:
        lost, is_interrupted = _strike(drill, strikes)
        duration_s = time.monotonic() - begin_s
        say("ending the run")
        problems = lost + _end(asked, scene)
    finally:
        scene.close()
    checked = _check(asked, scene)
    return ChaosReport(
        command=asked.command,
        seed=asked.seed,
        planned=asked.faults,
        hits=drill.hits,
        skipped=arms.skipped,
        duration_s=duration_s,
        snapshots=scene.snapshots,
        checked=checked,
        problems=problems + scene.problems + checked.problems,
        exit_status=scene.exit_status,
        restarts={str(stage): count for stage, count in sorted(scene.restarts.items())},
        host=host(),
        versions=versions(),
        is_interrupted=is_interrupted,
    )


def _strike(drill: Drill, strikes: Sequence[Strike]) -> tuple[list[str], bool]:
    """Carry the faults out; what was not survived, and whether it was interrupted."""
    try:
        drill.wait_for_start()
        lost = drill.run(strikes)
    except KeyboardInterrupt:
        return [], True
    except StageError as error:
        return [str(error)], False
    return [] if lost is None else [f"not survived: {lost}"], False


def _arm(asked: Asked) -> _Arms:
    arms = _Arms()
    for kind, fault in FAULTS.items():
        if asked.only and kind not in asked.only:
            continue
        targets = fault.targets(asked.plan)
        refusal = fault.refusal(asked.out) if targets else "this run has nothing for it to strike"
        if refusal is not None:
            arms.skipped[kind] = refusal
            continue
        arms.faults[kind], arms.targets[kind] = fault, targets
        arms.environment |= fault.environment(asked.out)
    return arms


def _end(asked: Asked, scene: Scene) -> list[str]:
    """End it in good order; what did not go so."""
    limit_s = asked.plan.config.runtime.drain_timeout_s + _END_EXTRA_S
    if not scene.end(limit_s):
        return [f"the run did not end within {limit_s:g} s after it was asked to"]
    problems = [f"left behind: {what}" for what in scene.left_behind(_LEFT_BEHIND_S)]
    if scene.exit_status not in _STATUSES:
        problems.append(f"the run ended with status {scene.exit_status}: {scene.last_words}")
    return problems


def _check(asked: Asked, scene: Scene) -> Checked:
    deaths = sum(count for stage, count in scene.restarts.items() if stage.role == "worker")
    return check_ledger(asked.plan.config, asked.out / RUN, deaths)
