"""`dart-stream models` lists, shows and measures; what it prints fits 80 columns."""

import json
import shutil

import pytest
import torch

from dart_stream.model_dir import list_zoo, read_info, resolve
from dart_stream.models import list_models
from pipeline.cli.main import main

RECIPE = """
input_size: [16, 16]
model: {stages: [[4], [8]], strides: [1, 2], stem: [4], stem_strides: [2], heads: []}
"""


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE)
    return str(path)


@pytest.fixture
def fails(capsys):
    def _fails(*arguments):
        assert main(["models", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    return _fails


def printed(capsys, *arguments):
    assert main(["models", *arguments]) == 0
    return capsys.readouterr().out


def row_of(text, first):
    return next(line.split() for line in text.split("\n") if line.split()[:1] == [first])


class TestOverview:
    def test_every_zoo_model_and_family_has_a_row(self, capsys):
        out = printed(capsys)
        for name in list_zoo():
            assert row_of(out, name)[-1] == "MB"
        assert row_of(out, "dartnet-cifar10")[1:6] == ["10", "32x32", "4", "67.7", "M"]
        assert "default is dartnet-cifar10" in out
        assert all(row_of(out, family) for family in list_models())
        assert row_of(out, "dartnet")[1:] == ["10", "32x32", "4", "67.7", "M"]
        assert max(map(len, out.split("\n"))) <= 80


class TestCard:
    @pytest.mark.parametrize("name", ["default", "dartnet-cifar10"])
    def test_name_and_alias_show_figures_and_command(self, capsys, name):
        out = printed(capsys, name)
        test = read_info(resolve(name)).figures["test"]
        low, high = test["accuracy_ci95"][0]
        assert f"{test['accuracy'][0]:.2%} ({low:.2%} to {high:.2%})" in " ".join(out.split())
        assert "dart-stream train --arch d" in out
        assert "Limits" in out

    def test_directory_shows_its_own_card(self, capsys, tmp_path):
        shutil.copytree(resolve("default"), tmp_path / "mine")
        (tmp_path / "mine" / "README.md").write_text("# Hello\n\nmine\x1b[2J\n")
        out = printed(capsys, str(tmp_path / "mine"))
        assert "Hello" in out
        assert "mine" in out
        assert "\x1b[2J" not in out

    def test_damaged_model_is_one_line_on_stderr(self, fails, tmp_path):
        (tmp_path / "model.json").write_text('{"format_version": 99}')
        assert "install a newer dart-stream" in fails(str(tmp_path))

    def test_unknown_name_is_refused_with_those_known(self, fails):
        error = fails("resnet9000")
        assert "'resnet9000'" in error
        assert "dartnet-cifar10" in error
        assert "or a family, one of" in error


class TestFamily:
    def test_costs_of_its_parts_are_shown(self, capsys):
        out = printed(capsys, "dartnet")
        assert row_of(out, "0") == ["0", "6.6", "M", "1.2", "M", "7.8", "M", "11.6%"]
        assert "train --arch dartnet" in out

    def test_recipe_configures_it(self, capsys, recipe):
        out = printed(capsys, "dartnet", "--recipe", recipe)
        assert "dartnet: 16x16, 10 classes, untrained" in out
        assert row_of(out, "1")[-1].endswith("%")

    def test_family_without_defaults_says_what_it_needs(self, fails):
        assert "backbone" in fails("torchvision")

    def test_recipe_beside_a_model_is_refused(self, fails, recipe):
        assert "expected the name of a family" in fails("default", "--recipe", recipe)


class TestTimes:
    def measure(self, capsys, tmp_path, recipe, *more):
        out = tmp_path / "times.json"
        few = ["--repeats", "6", "--device", "cpu", "--batch", "1", "3"]
        arguments = ["dartnet", "--times", "--recipe", recipe, *few, "--out", str(out), *more]
        text = printed(capsys, *arguments)
        return text, json.loads(out.read_text())

    def test_file_states_conditions_and_every_part(self, capsys, tmp_path, recipe):
        _, result = self.measure(capsys, tmp_path, recipe)
        assert {"command", "host", "device", "threads", "precision", "torch", "n"} < set(result)
        assert (result["device"], result["n"]) == ("cpu", 6)
        assert result["torch"] == torch.__version__
        (model,) = result["models"]
        assert (model["model"], model["weights"], model["accuracy"]) == ("dartnet", "random", None)
        wheres = [(row["threads"], row["batch"], row["precision"]) for row in model["rows"]]
        assert wheres == [(1, 1, "fp32"), (1, 1, "bf16"), (1, 3, "fp32"), (1, 3, "bf16")]
        for row in model["rows"]:
            for part in ("stage_ms", "head_ms", "exit_ms", "exit_share"):
                assert len(row[part]) == 2
                for value, (low, high) in zip(row[part], row[f"{part}_ci95"], strict=True):
                    assert 0 < low <= value <= high

    def test_share_of_macs_stands_beside_the_share_of_time(self, capsys, tmp_path, recipe):
        text, result = self.measure(capsys, tmp_path, recipe, "--precision", "fp32")
        (model,) = result["models"]
        assert "dartnet, fp32, 1 thread: up to each exit" in text
        assert f"{model['macs']['share'][0]:.0%}" in row_of(text, "0")
        assert f"{model['rows'][0]['exit_share'][0]:.0%}" in row_of(text, "0")
        assert row_of(text, "plain")[-1] == "100%"

    def test_tables_fit(self, capsys, tmp_path, recipe):
        text, _ = self.measure(capsys, tmp_path, recipe, "--precision", "fp32")
        assert max(map(len, text.replace(str(tmp_path), "").split("\n"))) <= 80

    def test_trained_model_shows_its_accuracy(self, capsys):
        text = printed(capsys, "default", "--times", "--batch", "1", "--repeats", "6")
        test = read_info(resolve("default")).figures["test"]
        low, high = test["accuracy_ci95"][0]
        half = f"±{(high - low) / 2:.1%}"
        assert row_of(text, "0")[1:3] == [f"{test['accuracy'][0]:.1%}", half]

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (["--batch", "0"], "--batch: expected 1 or more, got 0"),
            (["--threads", "-1"], "--threads: expected 1 or more, got -1"),
            (["--repeats", "5"], "--repeats: expected 6 or more"),
            (["--device", "tpu"], "expected auto, cpu, cuda or cuda:N, got 'tpu'"),
            (["--out", "/nowhere/times.json"], "--out: expected a file in a folder"),
        ],
    )
    def test_wrong_flags_are_refused_before_measuring(self, fails, arguments, reason):
        assert reason in fails("default", "--times", *arguments)

    def test_file_without_times_is_refused(self, fails, tmp_path):
        assert "expected --times beside it" in fails("default", "--out", str(tmp_path / "t.json"))
