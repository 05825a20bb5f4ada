"""Model directories: what is written is what is read, and every damage is named in one line."""

import functools
import json
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from dart_stream import model_dir
from dart_stream.difficulty import fit_difficulty
from dart_stream.errors import ModelError
from dart_stream.macs import Macs
from dart_stream.model_dir import (
    ALIASES,
    FORMAT_VERSION,
    ZOO,
    About,
    Architecture,
    ModelInfo,
    PixelStatistics,
    list_zoo,
    load_network,
    read_card,
    read_info,
    read_policy,
    resolve,
    set_about,
    write_model_dir,
)
from dart_stream.models import DartNet, count_macs, create_model, full_config, registry

CONFIG = {"stages": [[4], [8]], "strides": [1, 2], "stem": [4], "stem_strides": [2], "heads": []}
POLICY = {
    "format_version": 1,
    "frontier": [],
    "chosen": {"kind": "fixed", "thresholds": [0.8]},
    "certificate": None,
}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return create_model("dartnet", num_classes=2, input_size=(8, 8), **CONFIG).eval()


@pytest.fixture
def info(network):
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    return ModelInfo(
        name="tiny",
        architecture=Architecture("dartnet", full_config("dartnet", CONFIG)),
        classes=["cat", "dog"],
        input_size=(8, 8),
        resize="stretch",
        normalisation=PixelStatistics((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        temperatures=[1.1, 0.9],
        difficulty=fit_difficulty(images).to_dict(),
        macs=count_macs(network),
        data="generated pictures",
        recipe={"epochs": 1},
        figures={"test": {"n": 20, "accuracy": [0.5, 0.6]}},
    )


@pytest.fixture
def directory(tmp_path, network, info):
    write_model_dir(tmp_path / "tiny", info, network.state_dict(), POLICY)
    return tmp_path / "tiny"


class TestRoundTrip:
    def test_description_and_policy_come_back(self, directory, info):
        assert read_info(directory) == info
        assert read_policy(directory) == POLICY

    def test_network_answers_as_before_up_to_half_precision(self, directory, info, network):
        x = torch.randn(3, 3, 8, 8)
        for found, expected in zip(load_network(directory, info)(x), network(x), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-2, rtol=1e-2)

    def test_loaded_network_is_ready_to_answer(self, directory):
        network = load_network(directory)
        assert not network.training
        assert {p.dtype for p in network.parameters()} == {torch.float32}

    def test_storing_what_was_loaded_changes_nothing(self, directory, info, tmp_path):
        write_model_dir(tmp_path / "again", info, load_network(directory).state_dict(), POLICY)
        for name in ("model.json", "model.safetensors", "policy.json", "README.md"):
            assert (tmp_path / "again" / name).read_bytes() == (directory / name).read_bytes()

    def test_the_configuration_is_written_in_full(self, tmp_path, info, network):
        short = msgspec.structs.replace(info, architecture=Architecture("dartnet", CONFIG))
        write_model_dir(tmp_path / "short", short, network.state_dict(), POLICY)
        assert read_info(tmp_path / "short") == info
        assert "grids" in info.architecture.config
        assert "grids" not in CONFIG

    def test_a_family_s_new_defaults_do_not_change_a_stored_model(
        self, tmp_path, info, network, monkeypatch
    ):
        short = msgspec.structs.replace(info, architecture=Architecture("dartnet", CONFIG))
        write_model_dir(tmp_path / "short", short, network.state_dict(), POLICY)
        x = torch.randn(3, 3, 8, 8)
        before = load_network(tmp_path / "short")(x)
        other = functools.partial(DartNet, grids=(3,), stem=(6,))
        monkeypatch.setitem(registry._families, "dartnet", other)
        changed = create_model("dartnet", num_classes=2, input_size=(8, 8), **CONFIG)
        assert changed.heads[0].linear.weight.shape != network.heads[0].linear.weight.shape
        for now, then in zip(load_network(tmp_path / "short")(x), before, strict=True):
            torch.testing.assert_close(now, then, atol=0, rtol=0)

    def test_a_description_that_leaves_defaults_out_is_read(self, directory, info):
        def shorten(body):
            body["architecture"]["config"] = CONFIG

        edit(directory / "model.json", shorten)
        assert read_info(directory).architecture.config == CONFIG
        x = torch.randn(3, 3, 8, 8)
        pairs = zip(load_network(directory)(x), load_network(directory, info)(x), strict=True)
        for now, then in pairs:
            torch.testing.assert_close(now, then, atol=0, rtol=0)

    def test_model_without_a_policy_takes_the_old_one_away(self, directory, info, network):
        write_model_dir(directory, info, network.state_dict(), None)
        assert read_policy(directory) is None

    def test_a_rewrite_that_is_cut_off_leaves_no_mixture_of_two_models(
        self, directory, info, network, monkeypatch
    ):
        replace = model_dir._replace

        def cut_off(path, content):
            if path.name == "policy.json":
                raise KeyboardInterrupt
            replace(path, content)

        monkeypatch.setattr(model_dir, "_replace", cut_off)
        with pytest.raises(KeyboardInterrupt):
            write_model_dir(directory, info, network.state_dict(), POLICY)
        with pytest.raises(ModelError, match=r"model\.json: expected a file .* no such file"):
            read_info(directory)

    def test_card_comes_along(self, directory, info):
        card = (directory / "README.md").read_text(encoding="utf-8")
        assert card.startswith("# tiny\n")
        assert read_card(directory) == card

    def test_model_without_a_card_gets_the_same_one(self, directory):
        card = (directory / "README.md").read_text(encoding="utf-8")
        (directory / "README.md").unlink()
        assert read_card(directory) == card

    def test_what_a_person_has_to_say_lands_in_description_and_card(self, directory, info):
        set_about(directory, About(limits="Not for the dark."))
        assert read_info(directory) == msgspec.structs.replace(
            info, about=About(limits="Not for the dark.")
        )
        assert "## Limits\n\nNot for the dark." in read_card(directory)

    def test_description_written_before_about_existed_is_read(self, directory, info):
        edit(directory / "model.json", lambda b: b.pop("about"))
        assert read_info(directory) == info

    def test_weights_that_are_not_finite_are_not_written(self, tmp_path, info, network):
        state = network.state_dict()
        state["heads.0.linear.weight"][0, 0] = 1e6  # beyond half precision
        with pytest.raises(ModelError, match=r"weight 'heads.0.linear.weight': expected finite"):
            write_model_dir(tmp_path / "bad", info, state, POLICY)

    def test_figures_that_are_not_finite_are_not_written(self, tmp_path, info, network):
        bad = msgspec.structs.replace(info, figures={"other": float("nan")})
        with pytest.raises(ModelError, match="expected finite numbers"):
            write_model_dir(tmp_path / "bad", bad, network.state_dict(), POLICY)


def edit(path, change):
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))


DAMAGED_DESCRIPTIONS = {
    "missing": (lambda p: p.unlink(), "found no such file"),
    "not JSON": (lambda p: p.write_text("{'name': 1}"), "expected JSON"),
    "cut off": (lambda p: p.write_bytes(p.read_bytes()[:100]), "expected JSON"),
    "no object": (lambda p: p.write_text("[1]"), "expected a JSON object, got list"),
    "newer": (
        lambda p: edit(p, lambda b: b.update(format_version=FORMAT_VERSION + 1, sparkle=1)),
        "expected format_version 1, got 2; install a newer dart-stream",
    ),
    "no version": (
        lambda p: edit(p, lambda b: b.pop("format_version")),
        "expected format_version 1, got None",
    ),
    "version in words": (
        lambda p: edit(p, lambda b: b.update(format_version="1")),
        "expected format_version 1, got '1'",
    ),
    "unknown field": (lambda p: edit(p, lambda b: b.update(colour=1)), "unknown field `colour`"),
    "missing field": (lambda p: edit(p, lambda b: b.pop("classes")), "missing required field"),
    "zero temperature": (
        lambda p: edit(p, lambda b: b.update(temperatures=[0.0, 1.0])),
        r"\$\.temperatures",
    ),
    "one temperature": (
        lambda p: edit(p, lambda b: b.update(temperatures=[1.0])),
        "expected 1 entries in macs.stages",
    ),
    "zero deviation": (
        lambda p: edit(p, lambda b: b["normalisation"].update(std=[0.0, 1.0, 1.0])),
        r"\$\.normalisation\.std",
    ),
    "class twice": (
        lambda p: edit(p, lambda b: b.update(classes=["cat", "cat"])),
        "every class name once",
    ),
    "resize": (lambda p: edit(p, lambda b: b.update(resize="crop")), "Invalid enum value 'crop'"),
    "difficulty": (
        lambda p: edit(p, lambda b: b["difficulty"].pop("sum")),
        "difficulty tables: expected keys",
    ),
    "difficulty beyond all numbers": (
        lambda p: edit(p, lambda b: b["difficulty"]["sum"].__setitem__(0, 10**400)),
        "difficulty tables: sum: expected numbers, got one too large",
    ),
    "unknown field of about": (
        lambda p: edit(p, lambda b: b["about"].update(mood="good")),
        "unknown field `mood`",
    ),
    "infinite temperature": (
        lambda p: p.write_text(p.read_text().replace("[1.1, 0.9]", "[1e999, 0.9]")),
        "Number out of range",
    ),
    "temperature that is no number": (
        lambda p: p.write_text(p.read_text().replace("[1.1, 0.9]", "[NaN, 0.9]")),
        "expected JSON",
    ),
    "three heads": (
        lambda p: edit(p, lambda b: b["macs"]["heads"].append(1)),
        "expected 2 entries in macs.heads, one per temperature, got 3",
    ),
    "negative cost": (
        lambda p: edit(p, lambda b: b["macs"].update(stages=[-5, 1])),
        "expected macs.stages of 0 or more, got -5",
    ),
    "no cost": (
        lambda p: edit(p, lambda b: b.update(macs={"stages": [0, 0], "heads": [0, 0]})),
        "expected a network that costs multiply-accumulates",
    ),
    "accuracy of three exits": (
        lambda p: edit(p, lambda b: b["figures"]["test"].update(accuracy=[0.1, 0.2, 0.3])),
        "expected 2 entries in figures.test.accuracy, one per temperature, got 3",
    ),
    "accuracy above 1": (
        lambda p: edit(p, lambda b: b["figures"]["test"].update(accuracy=[0.1, 2.0])),
        "figures.test: Expected `float` <= 1",
    ),
    "deep": (lambda p: p.write_text("[" * 100_000), "expected JSON"),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), "expected a regular file"),
    "a link to nothing": (
        lambda p: (p.unlink(), p.symlink_to(p.with_name("absent"))),
        "expected a regular file",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED_DESCRIPTIONS)
def test_damaged_description_is_named(directory, damage):
    change, reason = DAMAGED_DESCRIPTIONS[damage]
    change(directory / "model.json")
    with pytest.raises(ModelError, match=reason) as caught:
        read_info(directory)
    assert "\n" not in str(caught.value)
    assert str(directory / "model.json") in str(caught.value)


DAMAGED_POLICIES = {
    "not JSON": (lambda p: p.write_text("fixed"), "expected JSON"),
    "newer": (
        lambda p: edit(p, lambda b: b.update(format_version=2)),
        "install a newer dart-stream",
    ),
    "no choice": (lambda p: edit(p, lambda b: b.pop("chosen")), "expected an object 'chosen'"),
}


@pytest.mark.parametrize("damage", DAMAGED_POLICIES)
def test_damaged_policy_is_named(directory, damage):
    change, reason = DAMAGED_POLICIES[damage]
    change(directory / "policy.json")
    with pytest.raises(ModelError, match=reason):
        read_policy(directory)


def rewrite(path, change):
    from safetensors.torch import load_file, save_file

    state = load_file(path)
    change(state)
    save_file(state, path)


class Bomb:
    """Unpickling this would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def header_longer_than_the_file(path):
    content = path.read_bytes()
    path.write_bytes(struct.pack("<Q", 1 << 40) + content[8:])


DAMAGED_WEIGHTS = {
    "missing": (lambda p: p.unlink(), "found no such file"),
    "empty": (lambda p: p.write_bytes(b""), "expected weights in safetensors format"),
    "cut off": (
        lambda p: p.write_bytes(p.read_bytes()[:-100]),
        "expected weights in safetensors format",
    ),
    "header": (header_longer_than_the_file, "expected weights in safetensors format"),
    "torch.save": (
        lambda p: torch.save({"a": torch.zeros(1)}, p),
        "expected weights in safetensors format",
    ),
    "too few": (lambda s: s.pop("stages.0.0.weight"), "1 missing, such as 'stages.0.0.weight'"),
    "too many": (
        lambda s: s.update(extra=torch.zeros(1)),
        "1 unexpected, such as 'extra'",
    ),
    "shape": (
        lambda s: s.update({"heads.1.linear.bias": torch.zeros(3)}),
        r"'heads.1.linear.bias': expected shape \[2\], got \[3\]",
    ),
    "eight bits": (
        lambda s: s.update({"heads.1.linear.bias": torch.zeros(2).to(torch.float8_e5m2)}),
        "'heads.1.linear.bias': expected one of float16, bfloat16, float32, got torch.float8_e5m2",
    ),
    "double": (
        lambda s: s.update({"heads.1.linear.bias": torch.full((2,), 1e300, dtype=torch.float64)}),
        "expected one of float16, bfloat16, float32, got torch.float64",
    ),
    "whole numbers": (
        lambda s: s.update({"heads.1.linear.bias": torch.zeros(2, dtype=torch.int32)}),
        "expected numbers like torch.float32, got torch.int32",
    ),
    "NaN": (
        lambda s: s.update({"heads.1.linear.bias": torch.tensor([0.0, torch.nan])}),
        "'heads.1.linear.bias': expected finite numbers",
    ),
}
FILE_DAMAGES = {"missing", "empty", "cut off", "header", "torch.save"}


@pytest.mark.parametrize("damage", DAMAGED_WEIGHTS)
def test_damaged_weights_are_named(directory, damage):
    change, reason = DAMAGED_WEIGHTS[damage]
    path = directory / "model.safetensors"
    if damage in FILE_DAMAGES:
        change(path)
    else:
        rewrite(path, change)
    with pytest.raises(ModelError, match=reason) as caught:
        load_network(directory)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_pickled_weights_are_refused_and_not_run(directory, tmp_path):
    trap = tmp_path / "trap"
    (directory / "model.safetensors").write_bytes(pickle.dumps(Bomb(trap)))
    with pytest.raises(ModelError, match="expected weights in safetensors format"):
        load_network(directory)
    assert not trap.exists()


READERS = {
    "model.json": read_info,
    "policy.json": read_policy,
    "model.safetensors": load_network,
    "README.md": read_card,
}


@pytest.mark.parametrize("name", READERS)
class TestLinks:
    def test_link_out_of_the_directory_is_refused(self, directory, tmp_path, name):
        (directory / name).rename(tmp_path / "elsewhere")
        (directory / name).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(
            ModelError, match="got a link out of it; copy the file itself"
        ) as caught:
            READERS[name](directory)
        assert str(directory / name) in str(caught.value)

    def test_link_within_the_directory_is_followed(self, directory, name):
        (directory / name).rename(directory / "other")
        (directory / name).symlink_to("other")
        READERS[name](directory)

    def test_directory_may_itself_be_a_link(self, directory, tmp_path, name):
        (tmp_path / "link").symlink_to(directory)
        READERS[name](tmp_path / "link")


def test_description_of_gigabytes_is_refused_unread(directory):
    with (directory / "model.json").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match=r"model\.json: expected at most 67108864 bytes"):
        read_info(directory)


def test_card_that_is_no_text_is_named(directory):
    (directory / "README.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match=r"README\.md: expected text in UTF-8"):
        read_card(directory)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda b: b["architecture"].update(family="vgg"),
            r"expected one of .*dartnet.*, got 'vgg'",
        ),
        (lambda b: b["architecture"]["config"].update(depth=9), "unexpected keyword"),
        (
            lambda b: b["architecture"]["config"].update(num_classes=5),
            "expected num_classes beside the architecture",
        ),
        (
            lambda b: b.update(temperatures=[1.0], macs={"stages": [1], "heads": [1]}, figures={}),
            "expected 2 temperatures, one per exit of 'dartnet', got 1",
        ),
        (lambda b: b.update(classes=["cat", "dog", "cow"]), "expected shape"),
    ],
)
def test_description_of_another_network_is_named(directory, change, reason):
    edit(directory / "model.json", change)
    with pytest.raises(ModelError, match=reason):
        load_network(directory)


class TestNames:
    def test_directory_is_itself(self, directory):
        assert resolve(directory) == directory
        assert resolve(str(directory)) == directory

    def test_zoo_names_and_aliases_are_known(self):
        for name in list_zoo():
            assert resolve(name) == ZOO / name
        for alias, name in ALIASES.items():
            assert resolve(alias) == ZOO / name

    @pytest.mark.parametrize("name", ["resnet9000", "", "../zoo", "/absent"])
    def test_neither_is_refused_with_the_known_names(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ModelError, match="expected a model directory or one of default"):
            resolve(name)


def test_costs_of_exits_add_up():
    macs = Macs(stages=[10, 20, 30], heads=[1, 2, 3])
    assert macs.cumulative() == [11, 33, 66]
    assert macs.plain() == 63


def test_reading_a_description_needs_no_torch(directory):
    program = (
        "import sys; from pathlib import Path; from dart_stream import model_dir; "
        f"directory = Path({str(directory)!r}); "
        "model_dir.read_info(directory); model_dir.read_policy(directory); "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=50, check=False)
    assert done.returncode == 0
