"""Processes that die, hang, or are slow."""

import contextlib
import os
import signal
import time
from typing import Final

from pipeline.chaos.fault import Fault
from pipeline.chaos.scene import Scene
from pipeline.chaos.schedule import Strike
from pipeline.chaos.stages import SUPERVISOR, Stage, deadline_s
from pipeline.supervisor.plan import RunPlan

_CHILDREN: Final = ("worker", "reader", "sink", "monitor")
_BEYOND_S: Final = (1.0, 3.0)
"""How much longer than its deadline a process is stopped."""
_STOPPED_S, _RUNNING_S = 0.09, 0.01


class Kill(Fault):
    """A process is gone from one instruction to the next."""

    kind = "kill"
    text = "killed with -9"
    roles = _CHILDREN

    def seconds(self, plan: RunPlan, stage: Stage | None) -> tuple[float, float]:
        return (0.0, 0.0)

    def strike(self, scene: Scene, strike: Strike) -> str:
        pid = _pid(scene, strike)
        if pid is None:
            return "it had no process"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return ""


class Stop(Fault):
    """A process does nothing for longer than the run waits for it, and then goes on."""

    kind = "stop"
    text = "stopped for longer than its deadline"
    roles = (*_CHILDREN, SUPERVISOR)

    def seconds(self, plan: RunPlan, stage: Stage | None) -> tuple[float, float]:
        assert stage is not None
        least, most = (deadline_s(plan, stage) + more for more in _BEYOND_S)
        return least, most

    def strike(self, scene: Scene, strike: Strike) -> str:
        pid = _pid(scene, strike)
        if pid is None:
            return "it had no process"
        _send(pid, signal.SIGSTOP)
        try:
            scene.wait(strike.seconds)
        finally:
            _send(pid, signal.SIGCONT)
        return ""


class Slow(Fault):
    """A process gets a tenth of the time."""

    kind = "slow"
    text = "slowed to a tenth"
    roles = (*_CHILDREN, SUPERVISOR)

    def strike(self, scene: Scene, strike: Strike) -> str:
        pid = _pid(scene, strike)
        if pid is None:
            return "it had no process"
        deadline_s = time.monotonic() + strike.seconds
        while time.monotonic() < deadline_s and _send(pid, signal.SIGSTOP):
            try:
                scene.wait(_STOPPED_S)
            finally:
                _send(pid, signal.SIGCONT)
            scene.wait(_RUNNING_S)
        return ""


def _pid(scene: Scene, strike: Strike) -> int | None:
    assert strike.stage is not None
    return scene.pid_of(strike.stage)


def _send(pid: int, number: signal.Signals) -> bool:
    """Whether it was there to get it: the run may have ended what did not answer."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
