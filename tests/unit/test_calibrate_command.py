"""`dart-stream calibrate`, from the command line's arguments to a model that runs."""

import numpy as np
import pytest
from PIL import Image

from dart_stream.adaptation.scenes import scene_starts
from dart_stream.difficulty import DifficultyTables
from dart_stream.model_calibration import read_calibration
from dart_stream.model_dir import load_network, read_info, read_policy, resolve
from dart_stream.policies import policy_from_dict
from pipeline.cli.main import main

CLASSES = 10


@pytest.fixture(scope="module")
def names():
    return read_info(resolve("default")).classes


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, names):
    """Noise in the model's classes: what it answers does not matter here."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for name in names:
        folder = root / "val" / name
        folder.mkdir(parents=True)
        for index in range(12):
            coarse = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((40, 36)).save(folder / f"{index}.png")
        train = root / "train" / name
        train.mkdir(parents=True)
        Image.fromarray(coarse).save(train / "0.png")
    return root


def calibrate(*words):
    return main(["calibrate", "--model", "default", "--quiet", "--precision", "fp32", *words])


def test_on_pictures_it_writes_a_model_with_a_certificate(pictures, names, tmp_path, capsys):
    out = tmp_path / "mine"
    assert calibrate("--data", str(pictures), "--macs-fraction", "0.6", "--out", str(out)) == 0
    info, policy = read_info(out), read_policy(out)
    shipped = read_info(resolve("default"))
    assert info.temperatures != shipped.temperatures
    assert info.difficulty != shipped.difficulty
    DifficultyTables.from_dict(info.difficulty)
    assert load_network(out, info) is not None
    policy_from_dict(policy["chosen"], num_exits=info.num_exits, num_classes=len(names))
    assert policy["certificate"]["n"] == 60
    assert policy["certificate"]["exit_gap"] is not None
    assert policy["selection"]["n"] == 60
    assert policy["selection"]["cost_share"] <= 0.6
    held_out = read_calibration(out, info)
    assert len(held_out) == len(held_out.labels) == 120
    assert held_out.parts is not None
    printed = capsys.readouterr().out
    assert "certified on the other 60 pictures" in printed
    assert f"--set model.name={out}" in printed


def test_the_frontier_of_agreement_is_kept_from_cheap_to_dear(pictures, tmp_path):
    out = tmp_path / "mine"
    assert calibrate("--data", str(pictures), "--max-disagreement", "0.3", "--out", str(out)) == 0
    frontier = read_policy(out)["frontier"]
    assert len(frontier) > 1
    assert [p["cost_share"] for p in frontier] == sorted(p["cost_share"] for p in frontier)
    assert frontier[0]["disagreement"] > frontier[-1]["disagreement"]


def test_a_budget_says_what_later_footage_took(tmp_path, capsys):
    out = tmp_path / "mine"
    source = "synthetic://?frames=200"
    assert calibrate("--source", source, "--macs-fraction", "0.5", "--out", str(out)) == 0
    certificate = read_policy(out)["certificate"]
    assert certificate["cost_share"] <= 0.5
    assert certificate["candidates"] > 1
    printed = capsys.readouterr().out
    assert f"took one of {certificate['candidates']} policies by its cost" in printed


def test_footage_needs_no_labels(tmp_path, capsys):
    out = tmp_path / "mine"
    source = "synthetic://?frames=160"
    assert calibrate("--source", source, "--out", str(out)) == 0
    policy = read_policy(out)
    held_out = read_calibration(out, read_info(out))
    assert (len(held_out), held_out.labels) == (160, None)
    assert policy["certificate"]["n"] == scene_starts(held_out)[80:].sum()
    assert 60 <= policy["certificate"]["n"] < 80  # some frames are like those before them
    assert policy["certificate"]["exit_gap"] is None
    assert policy["certificate"]["disagreement"]["upper"] <= 0.05
    assert read_info(out).temperatures == read_info(resolve("default")).temperatures
    assert "holds for pictures like these: footage" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--macs-fraction", "1.5"], "--macs-fraction: expected a share from 0 to 1, got 1.5"),
        (["--max-exit-gap", "0.01"], "expected labelled pictures"),
        (["--seed", "-1"], "--seed: expected 0 or more, got -1"),
    ],
)
def test_goals_that_cannot_be_are_refused_in_one_line(words, message, tmp_path, capsys):
    given = ["--source", "synthetic://", "--out", str(tmp_path / "m")]
    assert calibrate(*given, *words) == 2
    assert message in capsys.readouterr().err


def test_an_output_with_something_in_it_is_refused(tmp_path, capsys):
    (tmp_path / "note.txt").write_text("mine")
    assert calibrate("--source", "synthetic://", "--out", str(tmp_path)) == 2
    assert "expected a new or empty folder" in capsys.readouterr().err


def test_pictures_of_other_classes_are_refused(tmp_path, capsys):
    for name in ("left", "right"):
        folder = tmp_path / "p" / name
        folder.mkdir(parents=True)
        for index in range(3):
            Image.new("RGB", (8, 8), (index, 0, 0)).save(folder / f"{index}.png")
    words = ["--data", str(tmp_path / "p"), "--out", str(tmp_path / "m")]
    assert calibrate(*words) == 2
    error = capsys.readouterr().err
    assert "expected the classes of the model" in error
    assert "got left, right" in error
