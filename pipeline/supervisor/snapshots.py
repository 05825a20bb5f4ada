"""From the hub's state to the snapshot that monitors draw."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pipeline.perturb import Perturbation
from pipeline.redact import redact
from pipeline.snapshot import (
    MAX_CLASS_NAMES,
    Ledger,
    PowerSnap,
    Snapshot,
    SourceSnap,
    WorkerSnap,
)
from pipeline.stages.hub import Hub, SourceTrack, WorkerTrack
from pipeline.stages.hub.sources import summed
from pipeline.supervisor.adaptation_snap import (
    adaptation_off,
    adaptation_snap,
    policy_snap,
    truth_snap,
)
from pipeline.supervisor.plan import RunPlan
from pipeline.supervisor.rates import Rates

_SHOWN_ALARMS = 100
_KEPT_SHIFTS: Final = 64


@dataclass(frozen=True, slots=True)
class RunState:
    """What the supervisor knows beside the hub."""

    state: str
    restarts: int
    alarms: list[str]
    """The last ones."""
    num_alarms: int
    log: list[str]
    power: PowerSnap
    worker_states: dict[str, str]
    cpu_s: dict[str, float]
    refused_messages: int
    """Malformed, out of turn, or from a stranger."""
    not_written: dict[str, int]
    """Records and lines that found no room, by file."""
    refused_clients: int = 0
    """On other hosts, that have no known key."""


class SnapshotMaker:
    """Makes snapshots; remembers counters to turn them into rates."""

    def __init__(self, plan: RunPlan, hub: Hub, run: str) -> None:
        self._plan = plan
        self._hub = hub
        self._run = run
        self._begin_s = time.monotonic()
        self._slept_before_s = _slept_s()
        self._rates = Rates()

    def make(self, state: RunState) -> Snapshot:
        """The run as it is now."""
        now_s = time.monotonic()
        self._rates.begin(now_s)
        statistics = self._hub.statistics
        total = total_ledger(self._hub)
        return Snapshot(
            run=self._run,
            state=state.state,
            time_s=time.time(),
            uptime_s=now_s - self._begin_s,
            slept_s=max(0.0, _slept_s() - self._slept_before_s),
            model=self._plan.model.name,
            num_exits=self._plan.model.num_exits,
            sources=[self._source(source) for source in self._hub.sources.values()],
            workers=[
                self._worker(worker, state.worker_states.get(worker.name, "starting"))
                for worker in self._hub.workers.values()
            ],
            policy=policy_snap(self._hub),
            fps=self._rates.of("frames", total.processed),
            regions_per_s=self._rates.of("regions", statistics.regions),
            regions=statistics.regions,
            latency_ms=statistics.recent_latency,
            exits=statistics.exits,
            recent_exits=statistics.recent_exits,
            difficulty=statistics.difficulty_histogram,
            macs_fraction=statistics.macs_fraction,
            recent_macs_fraction=statistics.recent_macs_fraction,
            ledger=total,
            power=state.power,
            restarts=state.restarts,
            alarms=state.alarms[-_SHOWN_ALARMS:],
            num_alarms=state.num_alarms,
            log=state.log,
            adaptation=adaptation_snap(self._hub.policies.adapter),
            adaptation_off=adaptation_off(self._plan),
            truth=truth_snap(self._hub.truth),
            deadline=self._hub.deadlines.snap,
            classes=class_names(self._plan.model.classes),
            cpu_s=state.cpu_s,
            not_written={name: count for name, count in state.not_written.items() if count},
        )

    def _source(self, source: SourceTrack) -> SourceSnap:
        text = source.plan.config.perturb
        shift = None if text is None else _shift(text)
        return SourceSnap(
            name=source.name,
            uri=redact(source.plan.config.uri),
            state=source.shown_state,
            fps=self._rates.of(f"source {source.name} {source.session.number}", source.processed),
            queue_len=len(source.window),
            frame_age_ms=source.frame_age_ms,
            position_s=source.position_s,
            ledger=source.ledger,
            exits=source.recent_exits(self._plan.model.num_exits),
            reconnects=source.link.reconnects,
            phase=None if shift is None else shift.phase(max(source.regions_accepted - 1, 0)),
        )

    def _worker(self, worker: WorkerTrack, state: str) -> WorkerSnap:
        busy = self._rates.of(f"worker {worker.name}", worker.busy_ms / 1e3)
        return WorkerSnap(
            name=worker.name,
            state=state,
            description=worker.description,
            regions=worker.regions,
            batches=worker.batches,
            busy=min(busy, 1.0),
        )


@lru_cache(maxsize=_KEPT_SHIFTS)
def _shift(text: str) -> Perturbation:
    return Perturbation.parse(text)


def class_names(names: Sequence[str]) -> list[str]:
    """What a snapshot says of them: all, or none of very many."""
    return list(names) if len(names) <= MAX_CLASS_NAMES else []


def total_ledger(hub: Hub) -> Ledger:
    """All sources together, those that are gone included."""
    return summed(
        [
            *(past.ledger for past in hub.sources.past.values()),
            *(source.ledger for source in hub.sources.values()),
        ]
    )


def _slept_s() -> float:
    """Seconds that the machine was suspended since it was switched on; 0 where nobody counts."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if clock is None else time.clock_gettime(clock) - time.monotonic()
