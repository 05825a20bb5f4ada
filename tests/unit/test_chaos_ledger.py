"""The check after a drill: it passes a sound run, and names each way in which one can be wrong."""

import json

import msgspec
import pytest

from pipeline.chaos.account import read_accounts
from pipeline.chaos.ledger_check import check_ledger
from pipeline.config import PipelineConfig
from pipeline.results import EndRecord, RegionRecord

FRAMES = 25
FILE = "synthetic://?frames=10&fps=10"
CAMERA = "rtsp://127.0.0.1/none"


def answer(source, frame, region=0, pts_s=None, segment=0):
    values = {
        name: 0 for name, kind in RegionRecord.__annotations__.items() if kind in {int, float}
    }
    values |= {
        "source": source,
        "frame": frame,
        "region": region,
        "segment": segment,
        "pts_s": frame / 10 if pts_s is None else pts_s,
    }
    return values


def counts(captured, processed=None, **dropped):
    processed = captured - sum(dropped.values()) if processed is None else processed
    counted = {"captured": captured, "processed": processed, "dropped": dropped}
    return counted | {"in_flight": 0, "skipped": 0, "corrupt": 0}


def end(source, frames):
    record = EndRecord(1, "end_of_stream", source, "stopped", frames, None)
    return msgspec.to_builtins(record)


class Run:
    """What a run of a looped file and a camera has left, to be spoiled."""

    def __init__(self, folder):
        self.folder = folder
        self.config = msgspec.convert(
            {
                "sources": {"lot": {"uri": FILE, "loop": True}, "cam": {"uri": CAMERA}},
                "sinks": [{"type": "jsonl"}],
            },
            PipelineConfig,
        )
        self.lot, self.cam = counts(FRAMES), counts(12, latest=2)
        self.lines = [answer("lot", n) for n in range(FRAMES)]
        self.lines += [answer("cam", n) for n in range(12) if n not in {3, 7}]
        self.state, self.regions = "ended", None

    def check(self, worker_deaths=0, *, ends=True):
        lines = list(self.lines)
        if ends:
            lines += [end("lot", self.lot), end("cam", self.cam)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (self.folder / "results.jsonl").write_text(text)
        total = {
            key: self.lot[key] + self.cam[key]
            for key in ("captured", "processed", "in_flight", "skipped", "corrupt")
        }
        dropped = dict(self.lot["dropped"])
        for reason, count in self.cam["dropped"].items():
            dropped[reason] = dropped.get(reason, 0) + count
        sources = {}
        for name, frames in (("lot", self.lot), ("cam", self.cam)):
            regions = sum(line["source"] == name for line in self.lines)
            if name == "lot" and self.regions is not None:
                regions = self.regions
            told = {"state": self.state, "reason": "stopped", "frames": frames}
            sources[name] = told | {"regions": regions}
        summary = {"frames": total | {"dropped": dropped}, "sources": sources}
        (self.folder / "summary.json").write_text(json.dumps(summary))
        return check_ledger(self.config, self.folder, worker_deaths)


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_a_sound_run_passes(run):
    checked = run.check()
    assert checked.problems == []
    assert (checked.regions, checked.exact_frames) == (FRAMES + 10, FRAMES)
    assert checked.frames["captured"] == FRAMES + 12


def the_problem(checked):
    (problem,) = checked.problems
    return problem


def test_an_answer_that_is_there_twice(run):
    run.lines.insert(5, answer("lot", 4))
    assert the_problem(run.check()) == "lot: 1 answers are there twice"


def test_an_answer_that_is_late(run):
    run.lines[4], run.lines[5] = run.lines[5], run.lines[4]
    assert "lot: 1 answers are out of order" in run.check().problems


def test_a_frame_that_is_missing(run):
    del run.lines[4]
    assert "lot: 24 frames have answers, 25 were processed" in run.check().problems


def test_a_frame_that_is_missing_and_not_counted(run):
    del run.lines[4]
    run.lot = counts(FRAMES, FRAMES - 1)
    assert any("does not balance" in problem for problem in run.check().problems)


def test_a_frame_that_another_stands_for(run):
    """As many frames as were captured, and yet one of them is not."""
    run.lines[FRAMES - 1] = answer("lot", FRAMES)
    assert the_problem(run.check()) == ("lot: 25 of 25 frames are there, 0 were dropped as poison")


def test_a_reader_that_went_on_at_another_place(run):
    for number in range(15, FRAMES):
        run.lines[number]["pts_s"] += 0.1
    assert the_problem(run.check()) == (
        "lot: frame 15 is at 1.600 s, an undisturbed pass has 1.500 s"
    )


def test_time_that_falls(run):
    run.lines[-1]["pts_s"] = 0.2
    assert the_problem(run.check()) == "cam: time or segment falls 1 times"


def test_a_segment_that_falls(run):
    run.lines[-2]["segment"] = 1
    assert the_problem(run.check()) == "cam: time or segment falls 1 times"


def test_poison_is_excused_by_deaths_of_workers_alone(run):
    del run.lines[4]
    run.lot = counts(FRAMES, poison=1)
    assert run.check(worker_deaths=2).problems == []
    assert the_problem(run.check(worker_deaths=0)) == ("1 frames dropped as poison, 0 workers died")


def test_a_file_that_drops_what_only_a_camera_may(run):
    del run.lines[4]
    run.lot = counts(FRAMES, latest=1)
    assert "lot: 1 frames dropped as 'latest', which is none of its rules" in run.check().problems


def test_a_camera_drops_by_its_own_rule_alone(run):
    run.cam = counts(12, drop_oldest=2)
    assert the_problem(run.check()) == (
        "cam: 2 frames dropped as 'drop_oldest', which is none of its rules"
    )


def test_frames_that_are_still_in_flight(run):
    run.lot["in_flight"], run.lot["captured"] = 1, FRAMES + 1
    assert "lot: 1 frames are still in flight" in run.check().problems


def test_no_end_record(run):
    assert run.check(ends=False).problems == ["lot: no end record", "cam: no end record"]


def test_lines_behind_the_end(run):
    run.lines.insert(6, end("lot", run.lot))
    assert "lot: 20 lines follow its end" in run.check().problems


def test_a_source_that_failed(run):
    run.state = "failed"
    assert "lot: state failed: stopped" in run.check().problems


def test_a_count_of_answers_that_is_wrong(run):
    run.regions = FRAMES + 1
    assert the_problem(run.check()) == "lot: 25 answers, the summary counts 26"


def test_a_source_that_nobody_configured(run):
    run.lines.append(answer("yard", 0))
    assert the_problem(run.check()) == "yard: no such source"


def test_a_run_without_a_summary(run):
    run.check()
    (run.folder / "summary.json").unlink()
    checked = check_ledger(run.config, run.folder, 0)
    assert checked.problems == ["summary.json was not written"]


def test_half_a_line_is_named(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(answer("lot", 0)) + '\n{"source": "lot", "fra\n')
    accounts, (problem,) = read_accounts(path)
    assert accounts["lot"].lines == 1
    assert problem.startswith("results.jsonl: a line that is no record: ")
