"""`calibration.safetensors`: it fits its model, or is refused in one line."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dart_stream import model_calibration
from dart_stream.costs import costs_of
from dart_stream.errors import ModelError
from dart_stream.exit_table import ExitTable
from dart_stream.exit_table_file import write_exit_table
from dart_stream.macs import Macs
from dart_stream.model_calibration import CALIBRATION, read_calibration, write_calibration
from dart_stream.model_dir import Architecture, ModelInfo, PixelStatistics, write_model_dir
from dart_stream.models import create_model

CONFIG = {"stages": [[4], [8]], "strides": [1, 2], "stem": [4], "stem_strides": [2], "heads": []}
INFO = ModelInfo(
    name="tiny",
    architecture=Architecture("dartnet", CONFIG),
    classes=["cat", "dog"],
    input_size=(8, 8),
    resize="stretch",
    normalisation=PixelStatistics((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
    temperatures=[1.1, 0.9],
    difficulty=None,
    macs=Macs(stages=[10, 20], heads=[1, 1]),
    data="generated pictures",
    recipe={},
    figures={},
)


def table(count=30):
    generator = np.random.default_rng(0)
    return ExitTable(
        logits=generator.normal(0, 1, (count, 2, 2)).astype(np.float32),
        temperatures=(1.1, 0.9),
        labels=generator.integers(0, 2, count),
        difficulty=generator.random(count).astype(np.float32),
        macs=costs_of(INFO.macs, INFO.input_size),
        classes=("cat", "dog"),
        source="generated",
        parts=generator.random((count, 3)).astype(np.float32),
    )


def test_a_model_without_the_file_has_none(tmp_path):
    assert read_calibration(tmp_path, INFO) is None


def test_what_is_written_is_read(tmp_path):
    write_calibration(table(), tmp_path)
    read = read_calibration(tmp_path, INFO)
    np.testing.assert_array_equal(read.logits, table().logits)
    np.testing.assert_array_equal(read.parts, table().parts)


def test_of_many_pictures_some_are_kept_always_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(model_calibration, "MAX_PICTURES", 10)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_calibration(table(), tmp_path / name)
    first = (tmp_path / "a" / CALIBRATION).read_bytes()
    assert first == (tmp_path / "b" / CALIBRATION).read_bytes()
    assert len(read_calibration(tmp_path / "a", INFO)) == 10


def test_many_classes_keep_fewer_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(model_calibration, "MAX_LOGIT_BYTES", 5 * 2 * 2 * 4)
    write_calibration(table(), tmp_path)
    assert len(read_calibration(tmp_path, INFO)) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperatures": (1.0, 1.0)}, r"temperatures: expected .* \[1.1, 0.9\], got \[1.0, 1.0\]"),
        ({"classes": ("cat", "cow")}, r"classes: expected .*'dog'.*got .*'cow'"),
        (
            {"logits": np.zeros((30, 3, 2), np.float32), "temperatures": (1.0,) * 3},
            r"exits: expected those of model.json, 2, got 3; write the file anew",
        ),
    ],
)
def test_another_models_table_is_refused(tmp_path, changes, message):
    if "logits" in changes:
        changes = changes | {"macs": costs_of(Macs([1] * 3, [1] * 3), (8, 8))}
    write_exit_table(replace(table(), **changes), tmp_path / CALIBRATION)
    with pytest.raises(ModelError, match=message):
        read_calibration(tmp_path, INFO)


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / CALIBRATION).write_bytes(b"no table")
    with pytest.raises(ModelError, match="expected an exit table in safetensors format"):
        read_calibration(tmp_path, INFO)


def test_a_link_out_of_the_directory_is_refused(tmp_path):
    write_exit_table(table(), tmp_path / "elsewhere")
    model = tmp_path / "model"
    model.mkdir()
    (model / CALIBRATION).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="got a link out of it"):
        read_calibration(model, INFO)


class TestWritingAModel:
    @pytest.fixture
    def state(self):
        torch.manual_seed(0)
        return create_model("dartnet", num_classes=2, input_size=(8, 8), **CONFIG).state_dict()

    def test_the_file_comes_with_the_model_and_goes_with_it(self, tmp_path, state):
        write_model_dir(tmp_path, INFO, state, None, table())
        assert read_calibration(tmp_path, INFO) is not None
        write_model_dir(tmp_path, INFO, state, None)
        assert read_calibration(tmp_path, INFO) is None

    def test_another_models_table_leaves_what_was_there(self, tmp_path, state):
        write_model_dir(tmp_path, INFO, state, None, table())
        before = (tmp_path / CALIBRATION).read_bytes()
        with pytest.raises(ModelError, match="temperatures: expected"):
            write_model_dir(tmp_path, INFO, state, None, replace(table(), temperatures=(2.0, 2.0)))
        assert (tmp_path / CALIBRATION).read_bytes() == before
