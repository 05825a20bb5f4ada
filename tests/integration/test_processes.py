"""Whole runs as users start them: real processes that are killed, stopped and interrupted."""

import contextlib
import json
import os
import re
import signal
import stat
import time
from pathlib import Path

import pytest
import zmq

from pipeline.messages import SCHEMA_VERSION, Hello, encode

pytestmark = [pytest.mark.processes, pytest.mark.torch_process]

FRAMES = list(range(60))
FAST = ("model.precision=fp32", "model.device=cpu", "model.threads=1")


@pytest.fixture
def drill(kill_drill, tiny_model, clip):
    """Sixty frames in 2.4 s."""
    return kill_drill.Drill(clip, str(tiny_model), len(FRAMES), FAST, 60, 60)


@pytest.fixture
def start(kill_drill, tiny_model, tmp_path):
    """Start runs that are ended with the test, and looked at for what they leave behind."""
    with contextlib.ExitStack() as stack:

        def _start(sources, *settings):
            arguments = ["--out", str(tmp_path / "out")]
            for name, uri in sources.items():
                arguments += ["--source", f"{name}={uri}"]
            for setting in (f"model.name={tiny_model}", *FAST, *settings):
                arguments += ["--set", setting]
            return begin(arguments)

        def begin(arguments):
            run = kill_drill.Run(arguments, tmp_path / "out", tmp_path / "t")
            return stack.enter_context(contextlib.closing(run))

        _start.resume = lambda: begin(["--resume", str(tmp_path / "out")])
        yield _start


@pytest.fixture
def wait_until(kill_drill):
    return lambda condition, what: kill_drill.wait_until(condition, 60, what, poll_s=0.01)


@pytest.fixture
def finished(wait_until, read, tmp_path):
    """Wait for a run's end; nothing of it may be left."""

    def _finished(run):
        wait_until(lambda: run.process.poll() is not None, "the end of the run")
        assert run.alive() == []
        assert run.folders == []
        return read(tmp_path / "out", run.process.returncode)

    return _finished


def balanced(frames):
    return frames["captured"] == (
        frames["processed"] + sum(frames["dropped"].values()) + frames["in_flight"]
    )


# --- death ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["worker", "reader", "sink", "supervisor"])
def test_a_kill_in_the_middle_loses_and_doubles_nothing(kill_drill, drill, tmp_path, role):
    trial = kill_drill.run_trial(drill, kill_drill.Trial(0, role, kill_at=20), tmp_path)
    assert trial.problems == []
    assert trial.in_flight > 0
    assert (trial.results, trial.exit_status) == (60, 0)
    restarts = json.loads((tmp_path / "out" / "summary.json").read_text())["restarts"]
    assert restarts == (0 if role == "supervisor" else 1)


def test_a_worker_that_hangs_is_killed_and_nothing_is_lost(start, clip, wait_until, finished):
    run = start({"lot": clip}, "sources.lot.realtime=true", "runtime.batch_deadline_s=5")
    run.wait_for_results(10, 60)
    os.kill(run.pid_of("worker"), signal.SIGSTOP)
    ended = finished(run)
    assert ended.status == 0
    assert ended.frames["lot"] == FRAMES
    assert "past its deadline" in " ".join(ended.summary["alarms"])
    assert ended.summary["restarts"] == 1


# --- interrupts -----------------------------------------------------------------------------------


def test_an_interrupted_run_drains_and_can_be_resumed(start, clip, wait_until, finished):
    run = start({"lot": clip}, "sources.lot.realtime=true")
    run.wait_for_results(15, 60)
    run.process.send_signal(signal.SIGINT)
    ended = finished(run)
    assert ended.status == 130
    assert 15 <= len(ended.frames["lot"]) < 60
    assert ended.ends["lot"]["reason"] == "stopped"
    frames = ended.summary["frames"]
    assert balanced(frames)
    assert (frames["processed"], frames["in_flight"]) == (len(ended.frames["lot"]), 0)

    ended = finished(start.resume())
    assert ended.status == 0
    assert ended.frames["lot"] == FRAMES
    assert ended.ends["lot"]["reason"] == "complete"
    assert ended.summary["frames"]["processed"] == 60


def test_sigterm_drains_and_another_one_ends_at_once(start, clip, wait_until, finished):
    run = start({"lot": clip}, "sources.lot.realtime=true")
    run.wait_for_results(10, 60)
    os.kill(run.pid_of("worker"), signal.SIGSTOP)  # nothing accepted can be finished
    log = run.out / "run.log"
    run.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in log.read_text(), "the drain")
    assert run.process.poll() is None
    begin_s = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    ended = finished(run)
    assert time.monotonic() - begin_s < 10
    assert ended.status == 130
    assert balanced(ended.summary["frames"])
    assert ended.frames["lot"] == FRAMES[: len(ended.frames["lot"])]


# --- isolation ------------------------------------------------------------------------------------


def test_two_workers_among_strangers_and_only_they_load_torch(
    start, clip, wait_until, finished, kill_drill
):
    run = start({"lot": clip}, "sources.lot.realtime=true", "runtime.workers=2")
    run.wait_for_results(1, 60)
    with_torch = {pid for pid in run.alive() if "libtorch" in Path(f"/proc/{pid}/maps").read_text()}
    workers = {p for p in run.alive() if "worker" in kill_drill._command_line(p)}
    assert len(run.alive()) == 5  # supervisor, reader, sink, two workers
    assert with_torch == workers
    assert len(workers) == 2

    (folder,) = run.folders
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    _send_rubbish(f"ipc://{folder}/hub")

    ended = finished(run)
    assert ended.status == 0
    assert ended.frames["lot"] == FRAMES
    assert ended.summary["refused_messages"] == 4
    assert 1 <= len(re.findall("refused a message", ended.log)) <= 4
    assert sum(worker["regions"] for worker in ended.summary["workers"].values()) == 60


def _send_rubbish(endpoint):
    """From a peer that was never started: no message, half of one, one too long, and a lie."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.setsockopt(zmq.IDENTITY, b"worker/9#0")
        stranger.connect(endpoint)
        stranger.send_multipart([b"\xc1", b""])
        stranger.send_multipart([encode(Hello("worker", "0", 1))[:-2], b""])
        stranger.send_multipart([b"", b"", b"", b""])
        stranger.send_multipart([encode(Hello("worker", "0", 1, SCHEMA_VERSION)), b""])
        stranger.close(linger=5_000)
