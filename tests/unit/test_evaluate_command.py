"""`dart-stream evaluate`, from the command line's arguments to its files."""

import errno
import json
import os

import msgspec
import numpy as np
import pytest
from PIL import Image

from dart_stream.macs import Macs
from dart_stream.model_dir import Architecture, read_info, resolve, write_model_dir
from dart_stream.models import create_model
from pipeline.bench import run_methods, time_budgets
from pipeline.cli import evaluate
from pipeline.cli.main import main

BASE = ["evaluate", "--model", "default", "--quiet", "--precision", "fp32", "--batch", "16"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Noise in the model's classes: how right its answers are does not matter here."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for split, count in (("train", 1), ("val", 12), ("test", 4)):
        for name in read_info(resolve("default")).classes:
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                coarse = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
                Image.fromarray(coarse).resize((40, 36)).save(folder / f"{index}.png")
    return root


def test_it_leaves_figures_and_a_page(pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run_methods, "REPEATS", 2)
    monkeypatch.setattr(time_budgets, "_REPEATS", 1)
    out = tmp_path / "figures"
    names = ["static", "shared", "dart", "oracle"]
    words = ["--data", str(pictures), "--out", str(out), "--energy-proxy", "time"]
    assert main([*BASE, *words, "--methods", *names]) == 0
    found = json.loads((out / "evaluation.json").read_text())
    assert (found["n"], found["chosen_n"], found["split"]) == (40, 120, "test")
    assert found["precision"] == "fp32"
    assert {row["name"] for row in found["methods"]} == {"static", "shared", "dart"}
    assert found["oracle"]["name"] == "oracle"
    assert found["oracle"]["time_ms"] is None
    timed = [row for row in found["methods"] if row["name"] == "dart"]
    assert {row["chosen_by"] for row in timed} == {"macs", "ms"}
    assert all(row["time_ms"] > 0 and row["speedup"] > 0 and row["daes"] > 0 for row in timed)
    assert (found["energy_source"] is None) == (found["energy_proxy"] == "time")
    assert 0 < found["mean_alpha"] <= 1
    assert len(found["estimator"]["auroc_error"]) == 4
    assert found["halvings"]["seeds"] == [0, 1, 2]
    assert "<svg" in (out / "evaluation.html").read_text()
    printed = capsys.readouterr().out
    assert "50% of the full network's MACs" in printed
    assert str(out / "evaluation.html") in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "magic"], "--methods: expected some of static"),
        (["--batch", "0"], "--batch: expected 1 or more"),
        (["--split", "train"], "--split: expected pictures that neither train nor"),
        (["--split", "validation"], "--split: expected pictures that neither train nor"),
        (["--split", "night"], "--split: expected one of train, validation, test"),
    ],
)
def test_wrong_input_is_one_line(pictures, words, message, tmp_path, capsys):
    given = ["--data", str(pictures), "--out", str(tmp_path / "o")]
    assert main([*BASE, *given, *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len([line for line in error.splitlines() if line.startswith("dart-stream:")]) == 1


def test_figures_that_find_no_room_are_still_printed(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    printed = []
    monkeypatch.setattr(evaluate, "_write", full)
    monkeypatch.setattr("pipeline.cli.evaluate_report.print_evaluation", printed.append)
    with pytest.raises(OSError, match="No space left on device"):
        evaluate._write_and_print(tmp_path, "figures")
    assert printed == ["figures"]


def test_a_model_without_an_early_exit_is_refused(pictures, tmp_path, capsys):
    shape = {"stages": [[8]], "strides": [1], "stem": [8], "stem_strides": [2], "heads": []}
    network = create_model("dartnet", num_classes=10, input_size=(32, 32), **shape)
    default = read_info(resolve("default"))
    info = msgspec.structs.replace(
        default,
        name="shallow",
        architecture=Architecture("dartnet", shape),
        temperatures=[1.0],
        difficulty=None,
        macs=Macs(stages=[100], heads=[1]),
        figures={},
    )
    policy = {"format_version": 1, "frontier": [], "certificate": None, "selection": {}}
    chosen = {"kind": "fixed", "thresholds": []}
    write_model_dir(tmp_path / "m", info, network.state_dict(), policy | {"chosen": chosen})
    words = ["--model", str(tmp_path / "m"), "--data", str(pictures), "--out", str(tmp_path / "e")]
    assert main(["evaluate", "--quiet", "--precision", "fp32", *words]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "dart-stream: model shallow: expected an early exit, got the last alone"
