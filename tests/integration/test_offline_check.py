"""The offline check finds what was mixed up, and nothing where nothing was."""

import importlib.util
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

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


def test_a_folder_without_a_finished_run_is_said_so(tmp_path, run_check, capsys):
    assert run_check(tmp_path) == (2, None)
    assert "expected a finished run" in capsys.readouterr().err
