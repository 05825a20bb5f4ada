"""A whole run with a camera whose reader is killed and frozen, and a file that must not notice."""

import contextlib
import os
import signal
from pathlib import Path

import pytest
from live_servers import CameraServer, mjpeg, silence

pytestmark = [pytest.mark.processes, pytest.mark.torch_process]

MAX_RESTARTS, KILLS = 1, 2
"""More kills than restarts, which would end the run for any other child."""


@pytest.fixture
def camera():
    with contextlib.closing(CameraServer(mjpeg(40, then=silence), mjpeg(100_000))) as server:
        yield f"http://viewer:geheim@127.0.0.1:{server.port}/live"


def test_a_camera_is_opened_again_for_ever_and_the_file_beside_it_is_complete(
    kill_drill, tiny_model, make_clip, camera, read, tmp_path
):
    clip, out = make_clip(200), tmp_path / "out"
    arguments = ["--source", f"cam={camera}", "--source", f"lot={clip}", "--out", str(out)]
    settings = (
        *(f"sources.cam.{key}=0.4" for key in ("open_timeout", "stall_after")),
        "sources.cam.reconnect={first: 0.05, cap: 0.1}",
        *("sources.lot.realtime=true", "sources.lot.loop=2"),
        f"runtime.max_restarts={MAX_RESTARTS}",
        *(f"model.name={tiny_model}", "model.precision=fp32", "model.threads=1"),
    )
    arguments += [word for setting in settings for word in ("--set", setting)]
    with contextlib.closing(kill_drill.Run(arguments, out, tmp_path / "t")) as run:
        run.wait_for_results(1, 60)

        def wait_for(name, **expected):
            def is_so():
                source = next(s for s in run.snapshot(30).sources if s.name == name)
                return all(getattr(source, key) == value for key, value in expected.items())

            kill_drill.wait_until(is_so, 60, f"{name}: {expected}", poll_s=0)

        # The first connection hangs after 40 pictures, and its reader notices by itself.
        wait_for("cam", state="running", reconnects=1)
        for number in range(KILLS):
            os.kill(_camera_reader(run, clip), signal.SIGKILL)
            wait_for("cam", state="running", reconnects=2 + number)
        os.kill(_camera_reader(run, clip), signal.SIGSTOP)
        wait_for("cam", state="running", reconnects=2 + KILLS)
        wait_for("lot", state="ended")
        run.process.send_signal(signal.SIGINT)
        kill_drill.wait_until(lambda: run.process.poll() is not None, 60, "the end", poll_s=0.01)
        assert run.alive() == []

    ended = read(out, run.process.returncode)
    assert ended.status == 130
    assert ended.frames["lot"] == list(range(400))
    assert ended.summary["restarts"] == KILLS + 1
    link = ended.summary["sources"]["cam"]["link"]
    assert (link["gaps"], link["reconnects"]) == (2 + KILLS, 2 + KILLS)
    assert ended.ends["cam"]["link"] == link
    assert ended.ends["lot"]["link"] is None
    camera_lines = ended.records["cam"][:-1]
    segments = sorted({line["segment"] for line in camera_lines})
    # The first gap may have passed before there was a worker to answer anything.
    assert segments in (list(range(3 + KILLS)), list(range(1, 3 + KILLS)))
    for key in ("frame", "pts_s", "segment"):
        values = [line[key] for line in camera_lines]
        assert values == sorted(values)
    frames = ended.summary["frames"]
    assert frames["captured"] == frames["processed"] + sum(frames["dropped"].values())
    assert "no picture for 0.4 s" in ended.log
    assert "has said nothing for 6.2 s; killed" in ended.log
    assert "geheim" not in ended.log + (out / "results.jsonl").read_text()


def _camera_reader(run, clip):
    """The reader that does not hold the clip open."""
    readers = [pid for pid in run.alive() if b"reader" in _command(pid)]
    others = [pid for pid in readers if clip not in _open_files(pid)]
    assert len(others) == 1
    return others[0]


def _command(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def _open_files(pid):
    return {link.resolve() for link in Path(f"/proc/{pid}/fd").iterdir()}
