"""The stages of a run as somebody outside sees them: their processes and their deadlines."""

import os
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.stages.hub.reader_watch import SILENCE_NS
from pipeline.supervisor.plan import RunPlan, patience_s
from pipeline.supervisor.source_traits import traits_of

SUPERVISOR: Final = "supervisor"
_MONITOR_S: Final = 3.0
"""A screen has no deadline; this is long enough to fill what is queued for it."""
_CHILD: Final = ["-m", "pipeline.child"]


class Stage(NamedTuple):
    """One process of a run, whatever incarnation."""

    role: str
    name: str

    def __str__(self) -> str:
        return self.role if self.role == SUPERVISOR else f"{self.role}/{self.name}"


def stages_of(plan: RunPlan) -> list[Stage]:
    """All of a run with a terminal, the supervisor first."""
    found = [Stage(SUPERVISOR, SUPERVISOR)]
    found += [Stage("worker", name) for name in plan.worker_names]
    remote = plan.remote_sources
    found += [Stage("reader", name) for name in plan.config.sources if name not in remote]
    found += [Stage("sink", name) for name in plan.sink_names]
    if plan.config.monitor.ui in {"auto", "live"}:
        found.append(Stage("monitor", "terminal"))
    return found


def deadline_s(plan: RunPlan, stage: Stage) -> float:
    """Seconds of silence after which the run ends this stage; what nobody ends gets a few."""
    if stage.role == "reader":
        source = plan.config.sources[stage.name]
        return patience_s(source) if traits_of(source).live else SILENCE_NS / 1e9
    if stage.role == "monitor":
        return _MONITOR_S
    return plan.config.runtime.batch_deadline_s


def children_of(supervisor_pid: int) -> dict[Stage, int]:
    """Process numbers of the living children of a run, by stage."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and _parent(entry.name) == supervisor_pid:
            stage = _stage(entry.name)
            if stage is not None:
                found[stage] = int(entry.name)
    return found


def _parent(pid: str) -> int | None:
    try:
        stat = Path("/proc", pid, "stat").read_bytes()
    except OSError:
        return None  # gone meanwhile
    return int(stat.rpartition(b")")[2].split()[1])


def _stage(pid: str) -> Stage | None:
    try:
        words = Path("/proc", pid, "cmdline").read_text().removesuffix("\0").split("\0")
    except OSError:
        return None
    return Stage(words[-2], words[-1]) if words[-4:-2] == _CHILD else None
