"""`dart-stream train`, from the command line's arguments to files."""

import argparse
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from dart_stream.data import open_dataset
from dart_stream.errors import DataError, ModelError
from dart_stream.model_dir import load_network, read_info, read_policy
from dart_stream.models import create_model
from dart_stream.policies import policy_from_dict
from dart_stream.training import Recipe, Trainer, loop
from pipeline.cli import train
from pipeline.cli.train_data import start_lines
from pipeline.cli.train_lock import training_lock
from pipeline.cli.train_recipe import ChosenRecipe, choose_recipe, scaled
from pipeline.errors import ConfigError

RECIPE = """
model: {stages: [[4], [8]], strides: [1, 2], stem: [4], stem_strides: [2], heads: []}
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
def run(data, tmp_path, monkeypatch):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    monkeypatch.setattr(loop, "draw_curves", lambda directory, history: True)

    def execute(*extra, arch="dartnet", source=data, recipe=tmp_path / "recipe.yaml"):
        parser = argparse.ArgumentParser()
        train.configure(parser)
        words = ["--arch", arch, "--data", source, "--out", tmp_path / "model", "--quiet", *extra]
        words += [] if recipe is None else ["--recipe", recipe]
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
    assert "measured on 18 pictures of test; stopping early: accuracy" in out
    assert len([line for line in out.splitlines() if " to " in line and "%" in line]) == 2
    assert f"next:  dart-stream run --source 0 --set model.name={tmp_path / 'model'}" in out
    assert "epoch 2: loss" in err
    assert "train: 36 pictures: 12 of each of 3 classes" in err
    assert "validation has only 12 pictures" in err


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


def test_a_teacher_is_named_and_must_know_the_same_pictures(run, data, tmp_path):
    run("--epochs", "1")
    (tmp_path / "model").rename(tmp_path / "wise")
    run("--epochs", "1", "--teacher", tmp_path / "wise")
    command = read_info(tmp_path / "model").figures["conditions"]["command"]
    assert "--teacher wise" in command
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(ModelError, match=r"teacher model: expected the student's input size, 8"):
        run("--teacher", tmp_path / "wise", "--input-size", "8", "12")
    shutil.copytree(data / "train", tmp_path / "fewer" / "train")
    shutil.rmtree(tmp_path / "fewer" / "train" / "red")
    with pytest.raises(ModelError, match=r"expected the student's classes, blue, green, got blue"):
        run("--teacher", tmp_path / "wise", source=tmp_path / "fewer")


def test_training_starts_from_a_model_of_the_same_shape(run, data, tmp_path):
    run("--epochs", "1")
    (tmp_path / "model").rename(tmp_path / "first")
    shutil.copytree(data / "train", tmp_path / "fewer" / "train")
    shutil.rmtree(tmp_path / "fewer" / "train" / "red")
    run("--epochs", "1", "--start", tmp_path / "first", source=tmp_path / "fewer")
    assert "--start first" in read_info(tmp_path / "model").figures["conditions"]["command"]
    (tmp_path / "wide.yaml").write_text(RECIPE.replace("[[4], [8]]", "[[6], [9]]"))
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(ModelError, match=r"weights of .*first: 'stages.* shape \[6, 4.*no other"):
        run("--start", tmp_path / "first", recipe=tmp_path / "wide.yaml")


def test_a_network_with_another_beginning_takes_the_end_of_a_trained_one(run, tmp_path, capfd):
    run("--epochs", "1")
    (tmp_path / "model").rename(tmp_path / "first")
    other = RECIPE.replace("stem: [4]", "stem: [6]") + "frozen: [stages.1.*]\n"
    (tmp_path / "other.yaml").write_text(other)
    run("--epochs", "1", "--start", tmp_path / "first", recipe=tmp_path / "other.yaml")
    assert "--start: stage 0 has another shape there and begins fresh" in capfd.readouterr().err
    first, second = (
        load_network(tmp_path / name, read_info(tmp_path / name)) for name in ("first", "model")
    )
    assert first.stages[0][0].weight.shape != second.stages[0][0].weight.shape
    assert torch.equal(first.stages[1][0].weight, second.stages[1][0].weight)
    (tmp_path / "other.yaml").write_text(other.replace("stages.1.*", "stages.0.*"))
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(DataError, match=r"trained weights.*got 'stages.0.*begins fresh"):
        run("--start", tmp_path / "first", recipe=tmp_path / "other.yaml")


def test_layers_that_a_stage_has_more_of_begin_fresh(run, tmp_path, capfd):
    run("--epochs", "1")
    (tmp_path / "model").rename(tmp_path / "first")
    (tmp_path / "deep.yaml").write_text(
        RECIPE.replace("[[4], [8]]", "[[4], [8, 8]]") + "frozen: [stages.0.*]\n"
    )
    run("--epochs", "1", "--start", tmp_path / "first", recipe=tmp_path / "deep.yaml")
    said = capfd.readouterr().err
    assert "--start: stage 1 has more layers here, which begin fresh" in said
    assert "stage 0 has" not in said
    shutil.rmtree(tmp_path / "first")
    (tmp_path / "model").rename(tmp_path / "first")
    # Fewer layers are another stage, whose end would follow on what it has never seen.
    run("--epochs", "1", "--start", tmp_path / "first")
    assert "--start: stage 1 has another shape there and begins fresh" in capfd.readouterr().err


def test_training_starts_from_the_mean_of_several_models(run, tmp_path):
    for seed in (1, 2):
        run("--epochs", "1", "--seed", seed)
        (tmp_path / "model").rename(tmp_path / f"m{seed}")
    (tmp_path / "still.yaml").write_text(RECIPE + "frozen: [stages.*]\n")
    starts = ["--start", tmp_path / "m1", "--start", tmp_path / "m2"]
    run("--epochs", "1", *starts, recipe=tmp_path / "still.yaml")
    first, second, mean = (
        load_network(tmp_path / name, read_info(tmp_path / name)).stages[0][0].weight
        for name in ("m1", "m2", "model")
    )
    torch.testing.assert_close(mean, (first + second) / 2, atol=1e-3, rtol=1e-3)
    assert "--start m1 --start m2" in read_info(tmp_path / "model").figures["conditions"]["command"]


def test_only_trained_weights_can_be_frozen(run, data, tmp_path):
    (tmp_path / "frozen.yaml").write_text(RECIPE + "frozen: [stages.0.*]\n")
    with pytest.raises(DataError, match=r"got a fresh network; give --pretrained or --start"):
        run(recipe=tmp_path / "frozen.yaml")
    run("--epochs", "1")
    (tmp_path / "model").rename(tmp_path / "first")
    run("--epochs", "1", "--start", tmp_path / "first", recipe=tmp_path / "frozen.yaml")
    kept, trained = (
        load_network(tmp_path / name, read_info(tmp_path / name)) for name in ("first", "model")
    )
    assert torch.equal(kept.stages[0][0].weight, trained.stages[0][0].weight)
    assert not torch.equal(kept.heads[-1].linear.weight, trained.heads[-1].linear.weight)


def test_damaged_pictures_are_named(run, data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "copy")
    (tmp_path / "copy" / "train" / "red" / "x.png").write_bytes(b"hello")
    run(source=tmp_path / "copy")
    err = capsys.readouterr().err
    assert "damaged files in train, skipped: 1\n" in err
    assert "train/red/x.png" in err


def test_output_that_holds_something_else_is_refused(run, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.tex").touch()
    with pytest.raises(ModelError, match="expected a new or empty directory"):
        run()


def test_output_that_holds_pictures_for_training_is_refused(run, tmp_path):
    (tmp_path / "model" / "training" / "cat").mkdir(parents=True)
    with pytest.raises(ModelError, match="expected a new or empty directory"):
        run()


def test_two_trainings_do_not_write_to_one_folder(run, tmp_path):
    with (
        training_lock(tmp_path / "model" / "training"),
        pytest.raises(ModelError, match=r"another training writes to .*model; wait"),
    ):
        run()
    assert run() == 0


def test_unknown_family_is_refused_before_any_decoding(run, tmp_path):
    with pytest.raises(ModelError, match=r"--arch: expected one of default, .*dartnet.* got 'vgg'"):
        run(arch="vgg", source=tmp_path / "absent")


def test_the_default_family_is_an_alias(run, tmp_path):
    run("--epochs", "1", arch="default")
    assert read_info(tmp_path / "model").architecture.family == "dartnet"


def test_seed_and_input_size_stand_above_the_recipe(run, tmp_path):
    run("--epochs", "1", "--seed", "7", "--input-size", "12", "8")
    info = read_info(tmp_path / "model")
    assert info.recipe["seed"] == 7
    assert info.input_size == (12, 8)
    assert "--input-size 12 8 --seed 7" in info.figures["conditions"]["command"]


class Reached(Exception):  # noqa: N818 - it is no error
    """The training would begin now."""


@pytest.fixture
def prepare(run, monkeypatch):
    """Run up to the first step; gives the trainer."""
    seen = []

    def stop(trainer, _report):
        seen.append(trainer)
        raise Reached

    monkeypatch.setattr(Trainer, "run", stop)

    def execute(*extra, **options):
        with pytest.raises(Reached):
            run(*extra, **options)
        return seen[-1]

    return execute


def test_unlike_classes_are_reported_and_weighted(prepare, data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "copy")
    for index in range(4, 16):
        (tmp_path / "copy" / "train" / "red" / f"{index}.png").unlink()
    blue, green, red = prepare(source=tmp_path / "copy")._class_weights
    assert red > 3 * blue == 3 * green
    err = capsys.readouterr().err
    assert "train: 27 pictures: green 12, blue 12, red 3" in err
    assert "rare ones weigh more in the loss: blue 0.75, green 0.75, red 2.99" in err


def test_alike_classes_are_not_weighted(prepare):
    assert prepare()._class_weights is None


def test_pictures_in_two_splits_are_reported(prepare, data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "copy")
    shutil.copy(data / "train" / "red" / "0.png", tmp_path / "copy" / "test" / "red" / "twin.png")
    prepare(source=tmp_path / "copy")
    err = capsys.readouterr().err
    assert "pictures of test that are also in train: 1, such as " in err
    assert "test/red/twin.png = train/red/0.png" in err


def test_pictures_chosen_on_and_reported_on_are_reported(prepare, data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "copy")
    shutil.copytree(data / "test", tmp_path / "copy" / "val")
    prepare(source=tmp_path / "copy")
    err = capsys.readouterr().err
    assert "pictures of test that are also in validation: 18, such as test/" in err


def test_a_folder_val_is_validated_on(prepare, data, tmp_path):
    shutil.copytree(data, tmp_path / "copy")
    shutil.move(tmp_path / "copy" / "test", tmp_path / "copy" / "val")
    trainer = prepare(source=tmp_path / "copy")
    assert (len(trainer.train_part.labels), len(trainer.validation_part.labels)) == (48, 18)


def test_a_class_too_small_to_be_divided_is_named(run, data, tmp_path):
    shutil.copytree(data, tmp_path / "copy")
    for index in range(1, 16):
        (tmp_path / "copy" / "train" / "red" / f"{index}.png").unlink()
    with pytest.raises(DataError, match="class red: expected at least 2 pictures"):
        run(source=tmp_path / "copy")


def test_without_a_recipe_settings_follow_the_number_of_pictures(prepare):
    recipe = prepare(recipe=None).recipe
    assert (recipe.epochs, recipe.batch_size, recipe.validation) == (200, 16, 0.2)
    assert recipe.learning_rate == pytest.approx(0.2 * 16 / 256)
    assert recipe.optimizer == "sgd"
    chosen = ChosenRecipe(Recipe(optimizer="muon"), "defaults", scales=True)
    many = scaled(chosen, 20_000, None).recipe
    assert (many.epochs, many.batch_size, many.validation) == (25, 256, 0.1)
    assert many.ema_decay == pytest.approx(1 - 1 / (0.05 * 25 * 78), abs=1e-6)
    assert many.optimizer == "muon"


@pytest.mark.parametrize(("family", "optimizer"), [("dartnet", "muon"), ("alexnet", "sgd")])
def test_muon_is_the_default_of_dartnet_alone(data, family, optimizer):
    assert choose_recipe(None, family, open_dataset(str(data))).recipe.optimizer == optimizer


def test_the_recipe_packaged_for_data_of_this_name_is_taken(prepare, data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "cifar10")
    prepare(recipe=None, source=tmp_path / "cifar10")
    assert "recipe: packaged dartnet-cifar10.yaml" in capsys.readouterr().err


def test_an_unknown_setting_names_the_nearest(run, tmp_path):
    (tmp_path / "wrong.yaml").write_text("epoch: 3\n")
    with pytest.raises(ConfigError, match=r"wrong.yaml: epoch: unknown key; .* 'epochs'"):
        run(recipe=tmp_path / "wrong.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [("epochs: many", "epochs"), ("[1, 2]", "object"), ("a: [", "in YAML"), (None, "No such file")],
)
def test_a_recipe_that_is_none_is_refused(run, tmp_path, text, message):
    path = tmp_path / "wrong.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        run(recipe=path)


def test_an_output_that_cannot_be_written_is_refused_before_decoding(run, tmp_path):
    (tmp_path / "model").touch()
    with pytest.raises(ModelError, match="expected a directory that can be written: "):
        run(source=tmp_path / "absent")


def test_weights_that_cannot_be_fetched_are_refused_before_decoding(run, monkeypatch, tmp_path):
    asked = []

    def offline(family, **config):
        asked.append((family, config["num_classes"], config["input_size"]))
        raise ModelError("pretrained weights cannot be downloaded")

    monkeypatch.setattr("dart_stream.models.create_pretrained", offline)
    with pytest.raises(ModelError, match="cannot be downloaded"):
        run("--pretrained")
    assert asked == [("dartnet", 3, (8, 8))]


def test_a_training_that_goes_on_fetches_no_weights(run, monkeypatch, tmp_path):
    monkeypatch.setattr("dart_stream.models.create_pretrained", create_model)
    run("--epochs", "1", "--pretrained")
    monkeypatch.setattr("dart_stream.models.create_pretrained", lambda *_: 1 / 0)
    assert run("--epochs", "1", "--pretrained") == 0
    with pytest.raises(ModelError, match="another recipe, model or data"):
        run("--epochs", "1")


@pytest.mark.parametrize(
    ("after_steps", "line"), [(0, "before the first checkpoint"), (5, "goes on from the last")]
)
def test_ctrl_c_says_in_one_line_how_to_go_on(
    run, tmp_path, monkeypatch, capsys, after_steps, line
):
    steps = []
    whole = Trainer._step

    def step(trainer, *args):
        if len(steps) == after_steps:
            raise KeyboardInterrupt
        steps.append(args)
        return whole(trainer, *args)

    monkeypatch.setattr(Trainer, "_step", step)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert line in capsys.readouterr().err.splitlines()[-1]
    monkeypatch.setattr(Trainer, "_step", whole)
    assert run() == 0
    assert ("resuming after epoch 1 of 2" in capsys.readouterr().err) == (after_steps > 0)


def test_other_classes_in_test_are_refused(run, data, tmp_path):
    shutil.copytree(data, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "test" / "red")
    with pytest.raises(DataError, match="the same classes in 'train' and 'test', but only 'train'"):
        run(source=tmp_path / "copy")


def test_fewer_epochs_than_the_backbone_phase_has_are_refused(run, tmp_path):
    path = tmp_path / "phases.yaml"
    path.write_text(RECIPE.replace("epochs: 2", "epochs: 4\nbackbone_epochs: 3"))
    with pytest.raises(DataError, match=r"phases\.yaml: expected .* the 2 epochs, got 3; lower"):
        run("--epochs", "2", recipe=path)


def test_no_epochs_are_refused(run):
    with pytest.raises(DataError, match="--epochs: expected at least 1, got 0"):
        run("--epochs", "0")


def test_a_recipe_that_does_not_speak_of_mirrors_leaves_that_to_the_data(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("epochs: 3\n")
    digits = SimpleNamespace(name="mnist", mirror=False)
    assert choose_recipe(path, "alexnet", digits).recipe.mirror is False
    path.write_text("mirror: alternating\n")
    assert choose_recipe(path, "alexnet", digits).recipe.mirror == "alternating"


@pytest.mark.parametrize(
    ("splits", "held_back", "data", "is_said"),
    [
        (["train"], {"seed": 0, "validation": 0.2}, "mine: 9 pictures", False),
        (["train"], {"seed": 1, "validation": 0.2}, "mine: 9 pictures", True),
        (["train"], {"seed": 0, "validation": 0.1}, "mine: 9 pictures", True),
        (["train"], {"seed": 1, "validation": 0.1}, "another: 9 pictures", False),
        (["train", "validation"], {"seed": 1, "validation": 0.1}, "mine: 9 pictures", False),
    ],
)
def test_a_start_that_may_know_what_is_held_back_is_said(splits, held_back, data, is_said):
    dataset = SimpleNamespace(name="mine", splits=splits)
    recipe = SimpleNamespace(seed=0, validation=0.2)
    start = SimpleNamespace(recipe=held_back, data=data)
    lines = start_lines(dataset, recipe, {"before": start})
    assert [line.startswith("--start before: it held back") for line in lines] == [True] * is_said
