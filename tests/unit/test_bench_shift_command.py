"""`dart-stream bench shift`, from the command line's arguments to its files."""

import argparse
import json
import re

import numpy as np
import pytest
from PIL import Image

from dart_stream.adaptation import CONTROLLERS
from dart_stream.errors import DataError
from dart_stream.macs import Macs
from dart_stream.model_dir import Architecture, ModelInfo, PixelStatistics, write_model_dir
from pipeline.cli.bench_shift import _methods
from pipeline.cli.main import main

CLASSES = ["bus", "car", "truck", "van<b>"]
COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (150, 150, 40)]
TINY = {"stages": [[8], [8]], "strides": [1, 2], "stem": [8], "stem_strides": [2], "heads": []}


def coloured(generator, colour):
    """A colour with noise: uint8 (16, 16, 3)."""
    return (generator.normal(0, 60, (16, 16, 3)) + colour).clip(0, 255).astype(np.uint8)


def fit_exits(network):
    """Least squares from what each exit's linear layer is given to the classes."""
    import torch

    generator = np.random.default_rng(1)
    drawn = np.stack([coloured(generator, colour) for colour in COLOURS for _ in range(40)])
    x = (torch.tensor(drawn).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    wanted = torch.eye(4).repeat_interleave(40, dim=0) - 0.25
    given = []
    for head in network.heads:
        hook = head.linear.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
        with torch.no_grad():
            network(x)
            features = torch.cat([given.pop(), torch.ones(160, 1)], dim=1)
            solved = torch.linalg.lstsq(features, wanted).solution
            head.linear.weight.copy_(solved[:-1].T)
            head.linear.bias.copy_(solved[-1])
        hook.remove()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Random convolutions; only the last layers of the exits have learned something."""
    import torch

    from dart_stream.models import create_model

    torch.manual_seed(0)
    network = create_model("dartnet", num_classes=4, input_size=(16, 16), **TINY).eval()
    fit_exits(network)
    info = ModelInfo(
        name="tiny",
        architecture=Architecture("dartnet", TINY),
        classes=CLASSES,
        input_size=(16, 16),
        resize="stretch",
        normalisation=PixelStatistics(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        temperatures=[0.2] * 2,
        difficulty=None,
        macs=Macs(stages=[100_000, 200_000], heads=[1000, 1000]),
        data="none",
        recipe={},
        figures={},
    )
    directory = tmp_path_factory.mktemp("model") / "tiny"
    write_model_dir(directory, info, network.state_dict(), None)
    return directory


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Colours with noise, a colour for each class."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for split, count in (("train", 1), ("val", 52), ("test", 10)):
        for name, colour in zip(CLASSES, COLOURS, strict=True):
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                Image.fromarray(coloured(generator, colour)).save(folder / f"{index}.png")
    return root


@pytest.fixture
def arguments(model, pictures):
    base = ["bench", "shift", "--model", str(model), "--data", str(pictures), "--quiet"]
    return [*base, "--precision", "fp32"]


SCHEDULE = "clean:600,classmix(car,bus)+dark@4:300,still:200"


@pytest.fixture(scope="module")
def measured(model, pictures, tmp_path_factory):
    """One run of the command: its folder and what it printed."""
    from contextlib import redirect_stdout
    from io import StringIO

    out = tmp_path_factory.mktemp("out")
    words = ["--model", str(model), "--data", str(pictures), "--schedule", SCHEDULE]
    words += ["--out", str(out / "shift.json"), "--page", str(out / "shift.html"), "--quiet"]
    words += ["--methods", "full", "static", "paper", "dart", "--seeds", "1", "--live", "1"]
    words += ["--window", "100", "--precision", "fp32", "--keep-tables", "--epsilon", "0.05"]
    printed = StringIO()
    with redirect_stdout(printed):
        assert main(["bench", "shift", *words]) == 0
    return out, printed.getvalue()


@pytest.fixture
def document(measured):
    return json.loads((measured[0] / "shift.json").read_text())


def test_the_file_keeps_its_contract(document):
    common = {"command", "host", "device", "threads", "precision", "torch", "n"}
    assert common | {"schedule", "epsilon", "window", "seeds", "methods"} <= set(document)
    assert (document["n"], document["seeds"], document["window"]) == (1100, 1, 100)
    assert document["schedule"] == SCHEDULE
    assert [row["name"] for row in document["methods"]] == ["full", "static", "paper", "dart"]
    for row in document["methods"]:
        keys = {"name", "overhead", "segments", "windows", "alarms", "detection", "false_alarms"}
        assert keys <= set(row)
        assert set(row["windows"]) == {"n", "above_epsilon", "worst"}
        assert len(row["detection"]) == 2
        names = [segment["name"] for segment in row["segments"]]
        assert names == ["clean", "classmix(car,bus)+dark@4", "still"]
        keys = {"name", "n", "accuracy", "full_accuracy", "disagreement", "macs_fraction"}
        assert all(keys <= set(segment) for segment in row["segments"])
        assert all({"at", "kind", "segment"} <= set(alarm) for alarm in row["alarms"])


def test_full_depth_is_what_the_others_are_measured_against(document):
    full, static, _, _ = document["methods"]
    assert (full["disagreement"], full["macs_fraction"], full["overhead"]) == (0, 1, 0)
    assert full["windows"] == {"n": 6, "above_epsilon": 0, "worst": 0}
    for ours, theirs in zip(full["segments"], static["segments"], strict=True):
        assert ours["full_accuracy"] == theirs["full_accuracy"] == ours["accuracy"]
    assert static["overhead"] == 0


def test_engine_and_tables_agree_where_pixels_are_the_same(document):
    """Clean and dark pictures have no chance in them, and fixed policies do not mind batches."""
    live = document["live"]
    assert (live["seeds"], live["batch"]) == (1, 50)
    assert [row["name"] for row in live["methods"]] == ["full", "static", "paper", "dart"]
    assert all(row["released"] is None for row in live["methods"])
    for run, replayed in zip(live["methods"][:2], document["methods"][:2], strict=True):
        for ours, theirs in zip(run["segments"][:2], replayed["segments"][:2], strict=True):
            for key in ("accuracy", "full_accuracy", "disagreement", "macs_fraction"):
                # A confidence within rounding of a threshold may fall to either side.
                assert ours[key] == pytest.approx(theirs[key], abs=0.01)


def test_looks_are_kept_as_tables(measured):
    names = sorted(
        path.name.rpartition("-")[0] for path in (measured[0] / "shift.tables").iterdir()
    )
    assert names == ["clean", *(f"clean-twin{k}" for k in (1, 2, 3, 4)), "dark@4"]


def test_the_page_needs_nothing_and_escapes_names(measured):
    page = (measured[0] / "shift.html").read_text()
    assert page.count("<svg") >= 4
    assert "van<b>" not in page
    assert not re.search(r"<script|https?://|<link|@import", page)
    for words in ("Backbone drop", "limit 5.0", "classmix(car,bus)+dark@4", "the engine itself"):
        assert words in page


def test_what_was_found_is_printed(measured):
    out, printed = measured
    assert "windows of 100, grace 500" in " ".join(printed.split())
    assert "the engine itself on 1 streams" in printed
    assert str(out / "shift.html") in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "magic"], "--methods: expected some of full, static"),
        (["--seeds", "0"], "--seeds: expected 1 or more, got 0"),
        (["--window", "5"], "--window: expected 10 or more"),
        (["--live", "-1"], "--live: expected 0 or more"),
        (["--epsilon", "2"], "--epsilon: expected a share between 0 and 1, got 2"),
        (["--split", "validation"], "--split: expected pictures that neither train nor calibrate"),
        (["--schedule", "claen:5"], "did you mean clean?"),
        (["--schedule", "clean:5,dark"], "expected a count of regions in 'dark'"),
        (["--schedule", "classmix(vam):5"], "got 'vam'"),
        (["--page", "/nowhere/x.html"], "--page: expected a file in a folder that can be written"),
    ],
)
def test_wrong_input_is_one_line(arguments, words, message, tmp_path, capsys):
    given = ["--schedule", "clean:100", "--out", str(tmp_path / "x.json")]
    assert main([*arguments, *given, *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_what_cannot_take_so_many_exits_is_left_out_or_refused():
    said = []
    every = argparse.Namespace(methods=None)
    assert _methods(every, 5, said.append) == tuple(CONTROLLERS)
    assert said == []
    assert "paper" not in _methods(every, 6, said.append)
    assert said == ["left out, for it cannot take so many exits: paper"]
    named = argparse.Namespace(methods=["paper", "dart"])
    assert _methods(named, 5, said.append) == ("paper", "dart")
    with pytest.raises(DataError, match="--methods: paper takes at most 5 early exits, got 6"):
        _methods(named, 6, said.append)


def test_all_controllers_are_compared_unless_some_are_named(arguments, tmp_path, capsys):
    out = tmp_path / "x.json"
    schedule = ["--schedule", "dark:40", "--seeds", "1", "--out", str(out)]
    assert main([*arguments, *schedule]) == 0
    document = json.loads(out.read_text())
    assert [row["name"] for row in document["methods"]] == list(CONTROLLERS)
    assert document["clean_cost"] is None
    assert document["methods"][0]["windows"] == {"n": 0, "above_epsilon": 0, "worst": None}
    assert document["methods"][0]["back_to_clean_cost"] == []
    assert "dart-no-burst" in capsys.readouterr().out
