"""File systems without room: that of the results, and shared memory."""

import os
import signal
from pathlib import Path
from typing import Final

from pipeline.chaos.fault import Fault, RunFault
from pipeline.chaos.room import MAX_FILLED_BYTES, can_be_filled, denied_to_write, fill, size_of
from pipeline.chaos.scene import Scene
from pipeline.chaos.schedule import Strike, Target
from pipeline.supervisor.plan import RunPlan

SHARED: Final = Path("/dev/shm")  # noqa: S108  # the kernel's own place
_MB: Final = 1e6


class DiskFull(RunFault):
    """What the run writes finds no room: results, recording, log, videos."""

    kind = "disk_full"
    text = "no room for what the run writes"

    def strike(self, scene: Scene, strike: Strike) -> str:
        if can_be_filled(scene.out):
            taken = fill(scene.out, strike.seconds, scene.wait)
            return f"its file system filled with {taken / _MB:.0f} MB"
        with denied_to_write(scene.pids):
            scene.wait(strike.seconds)
        return "files may not grow (RLIMIT_FSIZE); its file system is too large to be filled"


class SharedMemoryFull(Fault):
    """Shared memory has no room when the reader of a drawn source has to begin anew."""

    kind = "shm_full"
    text = "shared memory filled while a reader that needs it is killed"
    roles = ("reader",)

    def targets(self, plan: RunPlan) -> list[Target]:
        drawn = set(plan.draws.values())
        return [each for each in super().targets(plan) if each.stage and each.stage.name in drawn]

    def refusal(self, folder: Path) -> str | None:
        if can_be_filled(SHARED):
            return None
        return (
            f"{SHARED} holds {size_of(SHARED) / _MB:,.0f} MB, and at most "
            f"{MAX_FILLED_BYTES / _MB:,.0f} MB are filled; mount a smaller one (docs/chaos.md)"
        )

    def strike(self, scene: Scene, strike: Strike) -> str:
        assert strike.stage is not None
        is_killed = False

        def kill_and_wait(seconds: float) -> None:
            nonlocal is_killed
            if not is_killed and strike.stage is not None:
                pid = scene.pid_of(strike.stage)
                is_killed = pid is not None and _kill(pid)
            scene.wait(seconds)

        taken = fill(SHARED, strike.seconds, kill_and_wait)
        return f"filled with {taken / _MB:.0f} MB"


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
