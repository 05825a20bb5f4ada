"""`dart-stream train` and `dart-stream models`, from the command line's arguments to files."""

import argparse
import json

import numpy as np
import pytest
from PIL import Image

from dart_stream.errors import DataError, ModelError
from dart_stream.model_dir import list_zoo, load_network, read_info, read_policy
from dart_stream.policies import policy_from_dict
from pipeline.cli import models, train

RECIPE = """
model: {widths: [4, 8], blocks: [1, 1], strides: [1, 2], first_inner: 4}
input_size: [8, 8]
epochs: 2
batch_size: 8
shift: 1
cutout: 0
validation: 0.25
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for split, count in (("train", 16), ("test", 6)):
        for channel, name in enumerate(("blue", "green", "red")):
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 100, (8, 8, 3), dtype=np.uint8)
                pixels[:, :, 2 - channel] += 120
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return root


@pytest.fixture
def run(data, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)

    def execute(*extra, arch="dartnet", source=data):
        parser = argparse.ArgumentParser()
        train.configure(parser)
        words = ["--arch", arch, "--data", source, "--out", tmp_path / "model", *extra]
        words += ["--recipe", tmp_path / "recipe.yaml", "--quiet"]
        return train.execute(parser.parse_args([str(word) for word in words]))

    return execute


def test_training_leaves_a_model_that_can_be_used(run, tmp_path, capsys):
    assert run() == 0
    info = read_info(tmp_path / "model")
    assert info.classes == ["blue", "green", "red"]
    assert info.figures["test"]["n"] == 18
    assert info.figures["validation"]["n"] == 12
    assert info.difficulty is not None
    assert len(load_network(tmp_path / "model", info).heads) == info.num_exits == 2
    policy = read_policy(tmp_path / "model")
    policy_from_dict(policy["chosen"], num_exits=2, num_classes=3)
    out, err = capsys.readouterr()
    assert "test accuracy per exit, 18 pictures" in out
    assert "epoch 2: loss" in err


def test_same_command_again_trains_no_further_and_writes_the_same(run, tmp_path, capsys):
    run()
    first = {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir() if p.is_file()}
    capsys.readouterr()
    run()
    again = {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir() if p.is_file()}
    assert first == again
    assert "resuming after epoch 2 of 2" in capsys.readouterr().err


def test_description_names_no_folder_of_this_machine(run, data, tmp_path):
    run("--epochs", "1")
    text = (tmp_path / "model" / "model.json").read_text()
    assert str(tmp_path) not in text
    body = json.loads(text)
    assert body["recipe"]["epochs"] == 1
    assert body["figures"]["conditions"]["command"] == (
        f"dart-stream train --arch dartnet --data {data.name} --recipe recipe.yaml "
        "--epochs 1 --out model"
    )


def test_damaged_pictures_are_named(run, data, tmp_path, capsys):
    import shutil

    shutil.copytree(data, tmp_path / "copy")
    (tmp_path / "copy" / "train" / "red" / "x.png").write_bytes(b"hello")
    run(source=tmp_path / "copy")
    err = capsys.readouterr().err
    assert "train: skipped 1 damaged files" in err
    assert "train/red/x.png" in err


def test_output_that_holds_something_else_is_refused(run, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.tex").touch()
    with pytest.raises(ModelError, match="expected a new or empty directory"):
        run()


def test_unknown_family_is_refused_before_any_decoding(run, tmp_path):
    with pytest.raises(ModelError, match="--arch: expected one of dartnet, got 'vgg'"):
        run(arch="vgg", source=tmp_path / "absent")


def test_other_classes_in_test_are_refused(run, data, tmp_path):
    import shutil

    shutil.copytree(data, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "test" / "red")
    with pytest.raises(DataError, match="expected the same classes in train and test"):
        run(source=tmp_path / "copy")


def test_no_epochs_are_refused(run):
    with pytest.raises(DataError, match="--epochs: expected at least 1, got 0"):
        run("--epochs", "0")


def test_models_lists_every_zoo_model(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert models.execute(argparse.Namespace()) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in list_zoo())
