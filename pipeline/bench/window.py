"""One stretch of a real run, start-up and end left out."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import StageError
from pipeline.snapshot import Snapshot
from pipeline.supervisor import RunPlan, Supervisor

_SETTLE_S: Final = 3.0
"""From the first answer to the begin of the stretch."""


@dataclass(frozen=True, slots=True)
class Window:
    """What happened between two snapshots of a run."""

    seconds: float
    frames: int
    regions: int
    batches: int
    cpu_s: dict[str, float]
    """Processor seconds of each stage, the supervisor's among them."""
    machine_busy_s: float | None
    """Processor seconds of all that ran on this machine; None where the system does not tell."""
    exits: list[float]
    """Share per exit since the start of the run."""

    @property
    def fps(self) -> float:
        """Frames answered per second, all sources together."""
        return self.frames / self.seconds

    @property
    def total_cpu_s(self) -> float:
        """Processor seconds of the whole pipeline."""
        return sum(self.cpu_s.values())

    @property
    def mean_batch(self) -> int:
        """Regions of a batch, rounded."""
        return max(1, round(self.regions / max(1, self.batches)))


def run_window(plan: RunPlan, seconds: float, *, screen: bool = False) -> Window:
    """Run a plan, measure so many seconds of it, stop it.

    Args:
        plan: Its sources must not end before.
        seconds: Length of the stretch.
        screen: With the terminal monitor, which draws on standard output.

    Raises:
        StageError: The run failed, or ended before the stretch did.
    """
    watcher = _Watcher(seconds)
    with tempfile.TemporaryDirectory(prefix="dart-bench-") as folder:
        supervisor = Supervisor(plan, Path(folder), screen=screen, on_snapshot=watcher.see)
        watcher.supervisor = supervisor
        outcome = supervisor.run()
    if outcome.error is not None:
        raise StageError(f"bench: {outcome.error}")
    return watcher.window()


class _Watcher:
    """Keeps the first and the last snapshot of the stretch, with what the machine did."""

    def __init__(self, seconds: float) -> None:
        self.supervisor: Supervisor | None = None
        self._seconds = seconds
        self._answered_s: float | None = None
        self._begin: tuple[float, Snapshot, float | None] | None = None
        self._end: tuple[float, Snapshot, float | None] | None = None

    def see(self, snapshot: Snapshot) -> None:
        now_s = time.monotonic()
        if self._answered_s is None:
            self._answered_s = now_s if snapshot.regions else None
        elif self._begin is None:
            if now_s - self._answered_s >= _SETTLE_S:
                self._begin = (now_s, snapshot, machine_busy_s())
        elif self._end is None and now_s - self._begin[0] >= self._seconds:
            self._end = (now_s, snapshot, machine_busy_s())
            assert self.supervisor is not None
            self.supervisor.interrupt()

    def window(self) -> Window:
        if self._begin is None or self._end is None:
            raise StageError("bench: the run ended before its measured stretch did")
        (begin_s, first, busy_before_s), (end_s, last, busy_after_s) = self._begin, self._end
        return Window(
            seconds=end_s - begin_s,
            frames=last.ledger.processed - first.ledger.processed,
            regions=last.regions - first.regions,
            batches=_batches(last) - _batches(first),
            cpu_s={
                stage: cpu_s - first.cpu_s.get(stage, 0.0) for stage, cpu_s in last.cpu_s.items()
            },
            machine_busy_s=None
            if busy_before_s is None or busy_after_s is None
            else busy_after_s - busy_before_s,
            exits=last.exits,
        )


def machine_busy_s(stat: Path = Path("/proc/stat")) -> float | None:
    """Processor seconds since boot that were neither idle nor waited for a disk."""
    try:
        fields = [int(field) for field in stat.read_text().split("\n", 1)[0].split()[1:]]
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _batches(snapshot: Snapshot) -> int:
    return sum(worker.batches for worker in snapshot.workers)
