"""A disk without room: what is lost is said, what can go on goes on."""

import errno
import json
import os
import signal
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.sinks.line_file import LineFile
from pipeline.sinks.video_bytes import VideoBytes
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
    assert len([line for line in lines if os.strerror(errno.ENOSPC) in line]) == 2
    summary = json.loads((interrupted / "summary.json").read_text())
    assert [alarm.split(":")[0] for alarm in summary["alarms"]] == ["telemetry.mpk", "run.log"]
    assert all(count > 0 for count in summary["not_written"].values())
    assert set(summary["not_written"]) == {"telemetry.mpk", "run.log"}


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_results_wait_for_room_and_are_then_whole(in_threads, clip, monkeypatch):
    monkeypatch.setattr("pipeline.roles.sink._LOOK_AGAIN_S", 0.01)
    attempts = []
    write = LineFile._write

    def full_for_a_while(file, data, offset):
        attempts.append(offset)
        return full() if len(attempts) < 30 else write(file, data, offset)

    monkeypatch.setattr(LineFile, "_write", full_for_a_while)
    run = in_threads({"lot": clip})
    assert run.status == 0
    assert len(attempts) >= 30
    assert run.frames["lot"] == list(range(60))
    assert run.summary["frames"]["dropped"] == {}
    assert run.summary["restarts"] == 0
    (alarm,) = run.summary["alarms"]
    assert alarm.startswith("sink jsonl-0: results.jsonl: No space left on device; results wait")
    assert "there is room again" in run.log


def test_a_disk_of_results_that_fails_otherwise_ends_the_run(in_threads, clip, monkeypatch, capsys):
    def broken(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("pipeline.sinks.line_file.os.fsync", broken)
    run = in_threads({"lot": clip}, "runtime.max_restarts=1")
    assert run.status == 1
    assert os.strerror(errno.EIO) in run.log
    assert "sink/jsonl-0: ended with" in capsys.readouterr().err.splitlines()[-1]


def test_a_run_that_is_stopped_while_results_wait_says_why_and_can_be_resumed(
    in_threads, clip, monkeypatch, capsys
):
    def full_and_stopped(*_):
        signal.raise_signal(signal.SIGINT) if not stopped else None
        stopped.append(True)
        full()

    stopped = []
    monkeypatch.setattr("pipeline.roles.sink._LOOK_AGAIN_S", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(LineFile, "_write", full_and_stopped)
        run = in_threads({"lot": clip}, "runtime.drain_timeout_s=1")
    assert run.status == 1
    assert (
        "not drained after 1 s; sink jsonl-0: results.jsonl: No space"
        in (capsys.readouterr().err.splitlines()[-1])
    )
    assert main(["run", "--headless", "--resume", str(run.out)]) == 0
    lines = [json.loads(line) for line in (run.out / "results.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines[:-1]] == list(range(60))


def test_no_room_for_a_video_costs_frames_which_are_counted(in_threads, clip, monkeypatch):
    monkeypatch.setattr(VideoBytes, "_write", full)
    run = in_threads({"lot": clip}, "sinks=[{type: video}, {type: jsonl}]")
    assert run.status == 0
    assert run.frames["lot"] == list(range(60))
    assert run.summary["sinks"]["video-0"] == {"frames_dropped": 0, "frames_lost": 60}
    (alarm,) = run.summary["alarms"]
    assert alarm.startswith("sink video-0: lot.mp4: No space left on device; frames are not drawn")


def test_no_room_for_the_summary_fails_the_run_in_one_line(interrupted, capsys):
    (interrupted / "summary.json.partial").symlink_to(FULL)
    capsys.readouterr()
    assert main(["run", "--resume", str(interrupted)]) == 1
    told = capsys.readouterr()
    assert "60 captured = 60 processed" in told.out
    assert "summary.json: No space left on device; make room" in told.err.splitlines()[-1]


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
