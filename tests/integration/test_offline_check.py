"""The offline check finds what was mixed up, and nothing where nothing was."""

import importlib.util
import json
import sys
from pathlib import Path

import cv2
import msgpack
import numpy as np
import pytest

from pipeline.cli.main import main
from pipeline.recording import RecordedRun

CLASSES = ["car", "van", "bus", "truck"]


@pytest.fixture(scope="module")
def offline_check():
    path = Path(__file__).parents[2] / "tools" / "offline_check.py"
    spec = importlib.util.spec_from_file_location("offline_check", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["offline_check"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run_check(offline_check, monkeypatch, tmp_path, capsys):
    def _check(folder=tmp_path / "out"):
        monkeypatch.setattr(sys, "argv", ["offline_check.py", str(folder)])
        status = offline_check.main()
        report = folder / "offline_check.json"
        return status, json.loads(report.read_text()) if report.exists() else None

    return _check


def test_zones_shifts_and_dropped_frames_come_out_the_same(in_threads, clip, run_check):
    zones = "sources.a.regions={type: zones, zones: {l: [0, 0, 0.6, 1], r: [0.3, 0, 1, 1]}}"
    shift = "sources.a.perturb=clean:30,dark@3+gaussian_noise@2:40,clean"
    done = in_threads(
        {"a": clip, "b": clip}, zones, shift, "sources.b.on_full=drop_newest", "runtime.max_batch=5"
    )
    assert done.status == 0
    status, report = run_check()
    assert status == 0
    assert report["results"] == report["differences"]["regions"] == len(done.lines) - 2
    assert report["differences"]["label"] == report["differences"]["exit"] == 0
    assert report["differences"]["max_confidence"] < 1e-6
    assert report["accuracy"] == {}


def test_answers_that_were_swapped_are_found(in_threads, clip, run_check, tmp_path):
    in_threads({"a": clip})
    results = tmp_path / "out" / "results.jsonl"
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    lines[3]["label_id"] = (lines[3]["label_id"] + 1) % len(CLASSES)
    lines[4]["exit"] = (lines[4]["exit"] + 1) % 3
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    status, report = run_check()
    assert status == 1
    assert (report["differences"]["label"], report["differences"]["exit"]) == (1, 1)


def test_a_result_that_was_lost_is_found(in_threads, clip, run_check, tmp_path):
    in_threads({"a": clip})
    results = tmp_path / "out" / "results.jsonl"
    results.write_text("".join(results.read_text().splitlines(keepends=True)[1:]))
    status, report = run_check()
    assert status == 1
    assert report["without_result"] == 1


def test_pictures_in_folders_named_like_classes_have_an_accuracy(in_threads, tmp_path, run_check):
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (tmp_path / "test" / name).mkdir(parents=True)
        for number in range(5):
            picture = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / "test" / name / f"{number}.png"), picture)
    done = in_threads({"a": f"images://{tmp_path / 'test'}"})
    status, report = run_check()
    assert status == 0
    figures = report["accuracy"]["a"]
    order = sorted(CLASSES)
    right = [r["label"] == order[r["frame"] // 5] for r in done.lines if "event" not in r]
    assert figures["n"] == 20
    assert figures["accuracy"] == pytest.approx(sum(right) / 20)


def test_a_source_that_is_always_full_comes_out_the_same(in_threads, clip, run_check):
    early = ("policy.mode=fixed", "policy.thresholds=[0.01, null]", "sources.b.always_full=true")
    done = in_threads({"a": clip, "b": clip}, *early)
    assert {record["exit"] for record in done.records["b"][:-1]} == {2}
    assert {record["exit"] for record in done.records["a"][:-1]} == {0}
    status, report = run_check()
    assert (status, report["differences"]["regions"]) == (0, 120)
    assert report["differences"]["max_confidence"] < 1e-6


def test_results_of_another_name_are_read_and_what_the_environment_says_is_not(
    tiny_model, clip, run_check, monkeypatch, tmp_path
):
    words = ["run", "--headless", "--out", str(tmp_path / "out"), "--source", f"a={clip}"]
    for setting in (
        "sinks=[{type: jsonl, file: answers.jsonl}]",
        f"model.name={tiny_model}",
        "model.precision=fp32",
        "runtime.type=threads",
    ):
        words += ["--set", setting]
    assert main(words) == 0
    monkeypatch.setenv("DART_MODEL__NAME", "nothing-like-it")
    status, report = run_check()
    assert (status, report["differences"]["regions"]) == (0, 60)


def edit_records(out, change):
    path = out / "telemetry.mpk"
    records = list(RecordedRun(out).records())
    path.write_bytes(b"".join(msgpack.packb(note) for note in change(records)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda notes: [note for note in notes if note["kind"] != "policy"],
            "recording: expected policy 1, which a batch names, it holds none",
        ),
        (
            lambda notes: [
                note | {"regions": [[7, *rest] for _, *rest in note["regions"]]}
                if note["kind"] == "batch"
                else note
                for note in notes
            ],
            "expected batches of the 1 sources that it names, got source 7",
        ),
    ],
    ids=["policy", "source"],
)
def test_a_recording_that_does_not_fit_is_refused(
    in_threads, clip, run_check, capsys, change, words
):
    run = in_threads({"a": clip})
    edit_records(run.out, change)
    assert run_check()[0] == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("summary", ["{", "[]", "{}", '{"workers": {}}', '{"workers": {"w": 3}}'])
def test_a_summary_that_names_no_worker_is_refused(in_threads, clip, run_check, capsys, summary):
    run = in_threads({"a": clip})
    (run.out / "summary.json").write_text(summary)
    assert run_check()[0] == 2
    assert "summary.json: expected " in capsys.readouterr().err


def test_damage_of_the_recording_is_named(in_threads, clip, run_check, capsys):
    run = in_threads({"a": clip})
    with (run.out / "telemetry.mpk").open("ab") as stream:
        stream.write(b"\xc1")
    status, report = run_check()
    assert status == 0
    (words,) = report["complaints"]
    assert "damaged behind byte" in words
    assert words in capsys.readouterr().out


def test_a_region_that_was_answered_twice_is_compared_with_the_answer_that_was_kept(
    in_threads, clip, run_check
):
    """As in a run that was killed before some answers were on disk, and resumed."""
    run = in_threads({"a": clip})

    def twice(notes):
        batch = next(note for note in notes if note["kind"] == "batch")
        return [*notes, batch]

    edit_records(run.out, twice)
    status, report = run_check()
    assert (status, report["differences"]["regions"]) == (0, 60)


def test_a_folder_without_a_finished_run_is_said_so(tmp_path, run_check, capsys):
    assert run_check(tmp_path) == (2, None)
    assert "expected a finished run" in capsys.readouterr().err
