"""`dart-stream evaluate`, from the command line's arguments to its files."""

import json

import numpy as np
import pytest
from PIL import Image

from dart_stream.model_dir import read_info, resolve
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


def test_it_leaves_figures_and_a_page(pictures, tmp_path, capsys):
    out = tmp_path / "figures"
    names = ["static", "shared", "dart", "oracle"]
    words = ["--data", str(pictures), "--out", str(out), "--methods", *names]
    assert main([*BASE, *words]) == 0
    found = json.loads((out / "evaluation.json").read_text())
    assert (found["n"], found["chosen_n"], found["split"]) == (40, 120, "test")
    assert found["precision"] == "fp32"
    assert {row["name"] for row in found["methods"]} == {"static", "shared", "dart"}
    assert found["oracle"]["name"] == "oracle"
    assert found["oracle"]["time_ms"] is None
    timed = [row for row in found["methods"] if row["name"] == "dart"]
    assert {row["chosen_by"] for row in timed} == {"macs", "ms"}
    assert all(row["time_ms"] > 0 and row["speedup"] > 0 for row in timed)
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
