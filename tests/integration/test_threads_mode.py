"""Whole runs with `runtime.type: threads`: the same objects in one process."""

import threading

import pytest

from pipeline.cli.main import main
from pipeline.roles.worker import Classifier

FRAMES = list(range(60))


def balanced(frames):
    return frames["captured"] == (
        frames["processed"] + sum(frames["dropped"].values()) + frames["in_flight"]
    )


@pytest.fixture
def slow_worker(monkeypatch):
    """Every batch takes 30 ms more."""
    answer = Classifier.answer
    never = threading.Event()

    def slow(self, batch, blob):
        never.wait(0.03)
        return answer(self, batch, blob)

    monkeypatch.setattr(Classifier, "answer", slow)


@pytest.fixture
def deadly_region(monkeypatch):
    """A worker breaks on every batch with a white picture; counts how often."""
    answer = Classifier.answer
    deaths = []

    def fragile(self, batch, blob):
        size = len(blob) // batch.regions
        for number in range(batch.regions):
            if min(blob[number * size : (number + 1) * size]) == 255:
                deaths.append(batch.regions)
                raise RuntimeError("a white picture")
        return answer(self, batch, blob)

    monkeypatch.setattr(Classifier, "answer", fragile)
    return deaths


def test_a_file_becomes_one_result_a_frame_in_order(in_threads, clip):
    run = in_threads({"lot": clip})
    assert run.status == 0
    assert run.frames == {"lot": FRAMES}
    assert run.ends["lot"]["reason"] == "complete"
    frames = run.summary["frames"]
    assert (frames["captured"], frames["processed"], frames["dropped"]) == (60, 60, {})
    assert run.summary["regions"] == 60


def test_two_workers_give_every_result_once_and_in_order(in_threads, clip):
    run = in_threads({"a": clip, "b": clip}, "runtime.workers=2", "runtime.max_batch=3")
    assert run.frames == {"a": FRAMES, "b": FRAMES}
    assert sum(w["regions"] for w in run.summary["workers"].values()) == 120


def test_no_result_depends_on_how_many_workers_there_are(in_threads, clip, tmp_path):
    one = in_threads({"lot": clip}, "policy.mode=full", out=tmp_path / "one")
    two = in_threads({"lot": clip}, "policy.mode=full", "runtime.workers=2", out=tmp_path / "two")
    for first, second in zip(one.records["lot"][:-1], two.records["lot"][:-1], strict=True):
        assert first["confidence"] == pytest.approx(second["confidence"], abs=1e-3)
        assert first["box"] == second["box"]


def test_ten_sources_at_once_advance_together(in_threads, make_clip, slow_worker):
    names = [f"cam{number}" for number in range(10)]
    run = in_threads(dict.fromkeys(names, make_clip(150)), "runtime.max_batch=20")
    assert run.status == 0
    assert all(run.frames[name] == list(range(150)) for name in names)
    results = [record["source"] for record in run.lines if "event" not in record]
    half = results[: len(results) // 2]
    done = [half.count(name) for name in names]
    assert max(done) - min(done) <= 0.2 * max(done)


@pytest.mark.parametrize("on_full", ["latest", "drop_oldest", "drop_newest"])
def test_a_source_that_is_too_fast_drops_frames_and_the_ledger_balances(
    in_threads, slow_worker, on_full
):
    run = in_threads(
        {"cam": "synthetic://?fps=400&frames=200"},
        "sources.cam.realtime=true",
        f"sources.cam.on_full={on_full}",
        "runtime.credits=1",
    )
    frames = run.summary["frames"]
    assert run.status == 0
    assert frames["dropped"].keys() == {on_full}
    assert balanced(frames)
    assert frames["in_flight"] == 0
    assert frames["captured"] == 200
    assert len(run.frames["cam"]) == frames["processed"]
    assert run.frames["cam"] == sorted(set(run.frames["cam"]))
    assert run.ends["cam"]["frames"]["dropped"] == frames["dropped"]


def test_frames_that_waited_too_long_are_dropped_and_the_ledger_balances(in_threads, slow_worker):
    run = in_threads(
        {"cam": "synthetic://?fps=400&frames=200"},
        "sources.cam.realtime=true",
        "sources.cam.on_full=drop_oldest",
        "sources.cam.max_age=0.005",
        "runtime.credits=1",
    )
    frames = run.summary["frames"]
    assert frames["dropped"]["max_age"] > 0
    assert balanced(frames)
    assert frames["captured"] == 200


def test_a_region_that_kills_its_worker_twice_is_dropped_and_costs_no_restart(
    in_threads, deadly_region, tmp_path, monkeypatch
):
    (tmp_path / "whites.py").write_text(WHITES)
    monkeypatch.syspath_prepend(str(tmp_path))
    run = in_threads(
        {"cam": "white"},
        "sources.cam.reader=whites:Whites",
        "runtime.max_restarts=1",
        "runtime.credits=4",
    )
    assert run.status == 0, run.log
    assert run.frames["cam"] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19]
    assert run.summary["frames"]["dropped"] == {"poison": 2}
    assert balanced(run.summary["frames"])
    assert len(deadly_region) == 4
    assert deadly_region[1] == deadly_region[3] == 1  # alone the second time
    assert len([alarm for alarm in run.summary["alarms"] if "poison" in alarm]) == 2


def test_a_child_that_dies_too_often_ends_the_run_and_is_named(in_threads, clip, tmp_path, capsys):
    (tmp_path / "broken.py").write_text(BROKEN)
    run_out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        run = in_threads(
            {"lot": clip},
            "sinks=[{type: jsonl}, {type: custom, class: 'broken:Broken'}]",
            "runtime.max_restarts=2",
            out=run_out,
        )
    assert run.status == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("dart-stream: sink/custom-1: ended with")
    assert "more than 2 times in 60 s" in error
    assert run.summary["restarts"] == 2
    assert balanced(run.summary["frames"])


def test_a_sink_that_dies_once_gets_every_record(in_threads, clip, tmp_path, monkeypatch):
    (tmp_path / "fragile.py").write_text(FRAGILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    run = in_threads(
        {"lot": clip},
        "sinks=[{type: jsonl}, {type: custom, class: 'fragile:Fragile', options: {name: seen}}]",
    )
    assert run.status == 0
    seen = (tmp_path / "out" / "seen").read_text().split()
    assert sorted(set(seen), key=int) == [str(number) for number in FRAMES]
    assert run.frames["lot"] == FRAMES
    assert run.summary["restarts"] == 1


WHITES = """
import numpy as np
from pipeline.readers import Reader
from pipeline.readers.array_frame import ArrayFrame

class Whites(Reader):
    def frames(self, resume=None):
        for number in range(0 if resume is None else resume.frame + 1, 20):
            value = 255 if number in (5, 15) else 9 * number
            picture = np.full((16, 16, 3), value, np.uint8)
            yield ArrayFrame(number, number / 25, (16, 16), lambda picture=picture: picture)
"""

BROKEN = """
from pipeline.sinks import Sink

class Broken(Sink):
    def write(self, records):
        raise RuntimeError("out of order")
"""

FRAGILE = """
from pipeline.sinks import Sink

class Fragile(Sink):
    def write(self, records):
        marker = self.out / "died"
        with (self.out / self.options["name"]).open("a") as stream:
            stream.writelines(f"{r['frame']}\\n" for r in records if "frame" in r)
        if not marker.exists():
            marker.touch()
            raise RuntimeError("once")
"""

INTERRUPTING = '''
import os, signal
from pipeline.readers.synthetic import SyntheticReader

class Interrupting(SyntheticReader):
    """Interrupts its process once frame 30 was taken, and again when it is told to stop."""

    def __init__(self, uri, config):
        super().__init__(uri.replace("own:", "synthetic:"), config)

    def frames(self, resume=None):
        try:
            for frame in super().frames(resume):
                yield frame
                if frame.index == 30:
                    os.kill(os.getpid(), signal.SIGINT)
        finally:
            if os.environ["INTERRUPTS"] == "2":
                os.kill(os.getpid(), signal.SIGINT)
'''


@pytest.mark.parametrize("interrupts", [1, 2])
def test_an_interrupt_ends_an_endless_source_with_a_balanced_ledger(
    in_threads, slow_worker, tmp_path, monkeypatch, interrupts
):
    (tmp_path / "interrupting.py").write_text(INTERRUPTING)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("INTERRUPTS", str(interrupts))
    run = in_threads(
        {"cam": "own://?width=16&height=16"},
        "sources.cam.reader=interrupting:Interrupting",
        "runtime.credits=8",  # so that frame 30 is taken only after results were written
    )
    assert run.status == 130
    assert balanced(run.summary["frames"])
    assert run.frames["cam"] == list(range(len(run.frames["cam"])))
    if interrupts == 1:
        assert run.summary["frames"]["in_flight"] == 0
        assert run.ends["cam"]["reason"] == "stopped"


def test_a_run_killed_between_its_last_result_and_its_summary_gets_one(in_threads, clip, read):
    first = in_threads({"lot": clip})
    summary = first.out / "summary.json"
    before = (first.out / "results.jsonl").read_bytes()
    summary.unlink()
    assert main(["run", "--headless", "--resume", str(first.out)]) == 0
    assert (first.out / "results.jsonl").read_bytes() == before
    assert read(first.out).summary["frames"] == first.summary["frames"]
