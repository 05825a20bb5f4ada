"""What every fault must do, by being registered."""

import contextlib
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.chaos.full import SHARED
from pipeline.chaos.registry import FAULTS
from pipeline.chaos.scene import RunEndedError
from pipeline.chaos.schedule import draw
from pipeline.chaos.stages import Stage, stages_of
from pipeline.config_file import load_config
from pipeline.supervisor import plan_run
from pipeline.transport import HubSocket, new_context

MAX_SECONDS = 60.0


@pytest.fixture(params=FAULTS)
def fault(request):
    return FAULTS[request.param]


@pytest.fixture(scope="module")
def plan():
    """A file that is drawn, a camera, two workers."""
    tree = {
        "sources": {
            "lot": {"uri": "synthetic://?frames=50", "loop": True},
            "cam": {"uri": "http://127.0.0.1:9/none"},
        },
        "sinks": [{"type": "jsonl"}, {"type": "video", "source": "lot"}],
        "runtime": {"workers": 2},
    }
    return plan_run(load_config(base=tree).config)


class EndingScene:
    """A run that ends at the first moment anybody waits; its only process is real."""

    def __init__(self, folder):
        self.folder = self.out = folder
        self.snapshot = None
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self._context = new_context()
        self._socket = HubSocket(
            self._context,
            f"ipc://{folder}/hub",
            [f"ipc://{folder}/telemetry"],
            f"ipc://{folder}/control",
        )

    def pid_of(self, stage):
        return self.process.pid

    def pids(self):
        return [self.process.pid]

    def wait(self, seconds):
        raise RunEndedError("the run ended by itself with status 1")

    def close(self):
        self.process.kill()
        self.process.communicate()
        self._socket.close()
        self._context.destroy(linger=0)


@pytest.fixture
def scene(tmp_path):
    (tmp_path / "run").mkdir()
    with contextlib.closing(EndingScene(tmp_path / "run")) as ending:
        yield ending


def test_the_suite_has_found_every_kind():
    assert list(FAULTS) == ["kill", "stop", "slow", "disk_full", "shm_full", "clock", "flood"]


def test_it_has_a_name_and_says_what_it_does(fault):
    assert FAULTS[fault.kind] is fault
    assert fault.text
    assert "\n" not in fault.text


def test_its_targets_are_stages_of_the_run(fault, plan):
    targets = fault.targets(plan)
    assert targets
    for target in targets:
        assert target.stage in {None, *stages_of(plan)}
        assert (target.role in fault.roles) if target.stage else not fault.roles
        assert 0 <= target.seconds[0] <= target.seconds[1] <= MAX_SECONDS


def test_a_refusal_is_one_line(fault, tmp_path):
    refusal = fault.refusal(tmp_path)
    assert refusal is None or (refusal and "\n" not in refusal)


def test_what_it_changes_is_back_when_the_run_ends_meanwhile(fault, plan, scene, tmp_path):
    if fault.refusal(tmp_path) is not None:
        pytest.skip(fault.refusal(tmp_path))
    fault.environment(tmp_path)
    before = observed(scene, tmp_path)
    (strike,) = draw(5, 1, {fault.kind: fault.targets(plan)})
    with contextlib.suppress(RunEndedError):
        fault.strike(scene, strike)
    if not strike.seconds:  # it is over at once, and nothing of it goes on
        assert scene.process.wait(10) == -signal.SIGKILL
        return
    assert observed(scene, tmp_path) == before


def observed(scene, folder):
    """All that a fault may change."""
    pid = scene.process.pid
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    offset = folder / "clock_offset"
    return SimpleNamespace(
        is_stopped=state == "T",
        file_limit=resource.prlimit(pid, resource.RLIMIT_FSIZE),
        files=sorted(path.name for path in scene.out.iterdir()),
        filled=list(SHARED.glob(".chaos-*")),
        clock=struct.unpack("<q", offset.read_bytes()) if offset.exists() else None,
    )


def test_a_stage_is_called_by_role_and_name():
    assert str(Stage("reader", "lot")) == "reader/lot"
    assert str(Stage("supervisor", "supervisor")) == "supervisor"
