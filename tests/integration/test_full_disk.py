"""A disk without room: what is lost is said, what can go on goes on."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.supervisor.out_lock import OutLock
from pipeline.supervisor.run_log import RunLog

FULL = Path("/dev/full")

"""Every write fails for want of room. Reading it never ends, so a test must not."""


@pytest.fixture
def interrupted(in_threads, clip, tmp_path):
    """The folder of a run that goes on, of which nothing is done yet."""
    in_threads({"lot": clip})
    out = tmp_path / "out"
    (out / "results.jsonl").unlink()
    return out


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_no_room_for_telemetry_or_log_costs_no_result(interrupted, capsys):
    for name in ("telemetry.mpk", "run.log"):
        (interrupted / name).unlink()
        (interrupted / name).symlink_to(FULL)
    assert main(["run", "--headless", "--resume", str(interrupted)]) == 0
    results = (interrupted / "results.jsonl").read_text().splitlines()
    assert len(results) == 61
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if os.strerror(errno.ENOSPC) in line]) == 1


def test_no_room_for_results_ends_the_run_and_names_the_sink(in_threads, clip, monkeypatch, capsys):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pipeline.sinks.jsonl.os.fsync", full)
    run = in_threads({"lot": clip}, "runtime.max_restarts=1")
    assert run.status == 1
    assert os.strerror(errno.ENOSPC) in run.log
    assert "sink/jsonl-0: ended with" in capsys.readouterr().err.splitlines()[-1]


def test_no_room_for_a_video_ends_the_run_and_names_the_sink(in_threads, clip, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pipeline.sinks.video_file.VideoFile.add", full)
    run = in_threads(
        {"lot": clip}, "runtime.max_restarts=1", "sinks=[{type: jsonl}, {type: video}]"
    )
    assert run.status == 1
    assert os.strerror(errno.ENOSPC) in run.log
    assert "sink/video-1: ended with" in capsys.readouterr().err.splitlines()[-1]


def test_a_log_whose_reader_has_left_goes_on(monkeypatch, tmp_path):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Gone())
    log = RunLog(tmp_path / "run.log", echo=True)
    log.add("supervisor", "INFO", "still here")
    log.close()
    assert "still here" in (tmp_path / "run.log").read_text()


def test_a_run_that_still_writes_is_not_resumed(interrupted, monkeypatch, capsys):
    monkeypatch.setattr("pipeline.supervisor.supervisor._OUT_TIMEOUT_S", 0.1)
    capsys.readouterr()
    held = OutLock(interrupted, timeout_s=0.0)
    assert main(["run", "--headless", "--resume", str(interrupted)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "still writes" in line
    held.close()
    assert main(["run", "--headless", "--resume", str(interrupted)]) == 0
