"""Annotated videos of whole runs: real processes, real encoding, and real kills."""

import json
import os
import signal
from pathlib import Path

import av
import pytest

from pipeline.sinks.overlay import EXIT_COLOURS

pytestmark = [pytest.mark.processes, pytest.mark.torch_process]

SETTINGS = ("model.precision=fp32", "model.device=cpu", "model.threads=1")
SINKS = "sinks=[{type: jsonl}, {type: video, source: lot}]"


@pytest.fixture
def start(kill_drill, tiny_model, tmp_path):
    """Start a run; it is ended with the test."""
    runs = []

    def begin(arguments):
        runs.append(kill_drill.Run(arguments, tmp_path / "out", tmp_path / "t"))
        return runs[-1]

    def _start(source, *settings):
        arguments = ["--source", f"lot={source}", "--out", str(tmp_path / "out")]
        for setting in (f"model.name={tiny_model}", *SETTINGS, SINKS, *settings):
            arguments += ["--set", setting]
        return begin(arguments)

    _start.resume = lambda: begin(["--resume", str(tmp_path / "out")])
    yield _start
    for run in runs:
        run.close()


@pytest.fixture
def finished(kill_drill, read, tmp_path):
    def _finished(run):
        kill_drill.wait_until(lambda: run.process.poll() is not None, 90, "the end of the run")
        assert run.process.returncode == 0, (tmp_path / "out" / "run.log").read_text()
        return read(tmp_path / "out", 0)

    return _finished


@pytest.fixture
def drawing(kill_drill):
    """Process number of the sink `video`, once it draws."""

    def _drawing(run):
        kill_drill.wait_until(lambda: video_pid(run) is not None, 60, "the first frame drawn")
        return video_pid(run)

    return _drawing


def rings(run):
    """Shared memory that processes of this run hold."""
    found = set()
    for pid in run.alive():
        maps = Path(f"/proc/{pid}/maps").read_text()
        found |= {line.split()[5] for line in maps.splitlines() if ".ring" in line}
    return found


def frames(path):
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
        return decoded, container.duration / 1e6


def test_a_video_has_every_frame_at_its_time_with_its_box_and_no_file_is_left(
    start, finished, clip
):
    zones = "sources.lot.regions={type: zones, zones: {gate: [0.25, 0.25, 0.75, 0.75]}}"
    run = start(clip, zones, "sources.lot.realtime=true")
    run.wait_for_results(5, 60)
    (ring,) = rings(run)
    ended = finished(run)
    assert ended.frames["lot"] == list(range(60))
    decoded, length_s = frames(ended.out / "lot.mp4")
    given, given_s = frames(clip)
    assert [f.time for f in decoded] == pytest.approx([f.time for f in given], abs=1e-4)
    assert length_s == pytest.approx(given_s, abs=1e-3)
    # 64x48 frames are enlarged fivefold; the left edge of the zone below its tag.
    assert (decoded[0].width, decoded[0].height) == (320, 240)
    for frame, line in zip(decoded, ended.records["lot"], strict=False):
        edge = frame.to_ndarray(format="rgb24").astype(int)[165:175, 81].mean(axis=0)
        far = [abs(edge - colour).sum() for colour in EXIT_COLOURS[::2]]
        assert far.index(min(far)) == line["exit"]
    assert ended.summary["sinks"]["video-1"] == {"frames_dropped": 0, "frames_lost": 0}
    assert not Path(ring).parent.exists()


def test_a_killed_sink_leaves_a_video_and_part_2_goes_on_with_the_loss_counted(
    start, finished, make_clip, drawing
):
    run = start(make_clip(100), "sources.lot.realtime=true")
    run.wait_for_results(50, 60)  # at most 16 of them are not drawn yet
    assert len(rings(run)) == 1
    os.kill(drawing(run), signal.SIGKILL)
    ended = finished(run)
    assert ended.frames["lot"] == list(range(100))  # results never suffer from it
    first, _ = frames(ended.out / "lot.mp4")
    second, _ = frames(ended.out / "lot.part2.mp4")
    lost = ended.summary["sinks"]["video-1"]["frames_lost"]
    assert 25 <= len(first) < 100
    assert len(second) > 0
    assert len(first) + len(second) + lost == 100
    assert ended.summary["restarts"] == 1
    if lost:
        assert f"sink video-1: {lost} frames are lost" in ended.summary["alarms"]


def video_pid(run):
    """The sink that has the ring mapped; the other one writes results."""
    for pid in run.alive():
        is_sink = b"sink" in Path(f"/proc/{pid}/cmdline").read_bytes()
        if is_sink and ".ring" in Path(f"/proc/{pid}/maps").read_text():
            return pid
    return None


def test_a_killed_supervisor_leaves_a_video_and_resuming_writes_the_rest(
    start, finished, make_clip, kill_drill, tmp_path
):
    run = start(make_clip(100), "sources.lot.realtime=true")
    run.wait_for_results(50, 60)
    (ring,) = rings(run)
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    kill_drill.wait_until(lambda: not run.alive(), 10, "the end of the children")
    assert not Path(ring).parent.exists()
    first, _ = frames(tmp_path / "out" / "lot.mp4")
    assert len(first) >= 25
    ended = finished(start.resume())
    assert ended.frames["lot"] == list(range(100))
    second, _ = frames(ended.out / "lot.part2.mp4")
    lost = ended.summary["sinks"]["video-1"]["frames_lost"]
    assert len(first) + len(second) + lost == 100


def test_a_camera_does_not_wait_for_a_video_that_hangs_and_counts_what_it_lacks(
    start, finished, drawing
):
    run = start(
        "synthetic://?fps=50&frames=250&width=64&height=48",
        "sources.lot.realtime=true",
        "sources.lot.on_full=latest",
    )
    run.wait_for_results(5, 60)
    sink = drawing(run)
    os.kill(sink, signal.SIGSTOP)
    try:
        run.wait_for_results(5 + 100, 60)  # results go on
    finally:
        os.kill(sink, signal.SIGCONT)
    ended = finished(run)
    done = ended.summary["frames"]["processed"]
    missing = ended.summary["sinks"]["video-1"]["frames_dropped"]
    decoded, _ = frames(ended.out / "lot.mp4")
    assert missing > 0
    assert len(decoded) + missing == done == len(ended.frames["lot"])


def test_a_reader_that_is_killed_costs_no_frame_of_the_video(start, finished, clip):
    run = start(clip, "sources.lot.realtime=true")
    run.wait_for_results(20, 60)
    os.kill(run.pid_of("reader"), signal.SIGKILL)
    ended = finished(run)
    assert ended.frames["lot"] == list(range(60))
    decoded, _ = frames(ended.out / "lot.mp4")
    assert len(decoded) == 60
    assert json.loads((ended.out / "summary.json").read_text())["restarts"] == 1
