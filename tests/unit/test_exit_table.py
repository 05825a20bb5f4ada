"""Exit tables in memory and on disk."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from dart_stream.exit_table_file import read_exit_table, write_exit_table

MACS = Costs(stages=[10, 30, 60], heads=[1, 1, 1])
KEY = "dart_stream_exit_table"


def table(**changes):
    generator = np.random.default_rng(0)
    fields = {
        "logits": generator.normal(0, 1, (7, 3, 4)).astype(np.float32),
        "temperatures": (1.0, 0.5, 2.0),
        "labels": generator.integers(0, 4, 7),
        "difficulty": generator.random(7).astype(np.float32),
        "alpha": generator.random(7).astype(np.float32),
        "parts": generator.random((7, 3)).astype(np.float32),
        "macs": MACS,
        "times": Costs(stages=[1, 2, 3], heads=[0.1, 0.1, 0.1], unit="ms"),
        "classes": ("a", "b", "c", "d"),
        "source": "test",
    }
    return ExitTable(**(fields | changes))


def test_what_is_written_is_read(tmp_path):
    written = table()
    write_exit_table(written, tmp_path / "t.safetensors")
    read = read_exit_table(tmp_path / "t.safetensors")
    for name in ("logits", "labels", "difficulty", "alpha", "parts"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    for name in ("temperatures", "macs", "times", "classes", "source"):
        assert getattr(read, name) == getattr(written, name)
    assert [path.name for path in tmp_path.iterdir()] == ["t.safetensors"]


def test_logits_of_another_program_need_costs_only(tmp_path):
    logits = np.random.default_rng(0).normal(0, 1, (5, 2, 3)).astype(np.float32)
    header = {"format_version": 1, "macs": {"stages": [1, 2], "heads": [0, 0]}}
    save_file({"logits": logits}, tmp_path / "t", metadata={KEY: json.dumps(header)})
    read = read_exit_table(tmp_path / "t")
    assert read.temperatures == (1.0, 1.0)
    assert read.labels is None
    assert read.difficulty.tolist() == [0.5] * 5
    assert read.classes == ("0", "1", "2")


def test_confidences_answers_and_agreement_follow_from_the_logits():
    made = table(labels=None)
    np.testing.assert_allclose(made.probabilities.sum(2), 1, atol=1e-6)
    cold = made.logits[:, 1] / 0.5
    expected = np.exp(cold) / np.exp(cold).sum(1, keepdims=True)
    np.testing.assert_allclose(made.probabilities[:, 1], expected, rtol=1e-5)
    assert made.agrees[:, -1].all()
    with pytest.raises(DataError, match="expected labels"):
        _ = made.correct


def test_some_rows_are_the_same_rows():
    made = table()
    some = made.take(np.array([5, 1]))
    np.testing.assert_array_equal(some.logits, made.logits[[5, 1]])
    np.testing.assert_array_equal(some.labels, made.labels[[5, 1]])
    np.testing.assert_array_equal(some.parts, made.parts[[5, 1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros((7, 4), np.float32)}, "logits of"),
        ({"temperatures": (1.0,)}, "temperatures: expected 3"),
        ({"labels": np.full(7, 4)}, "labels: expected 0 to 3"),
        ({"labels": np.zeros(6, np.int64)}, "labels: expected 7"),
        ({"classes": ("a",)}, "classes: expected 4"),
        ({"macs": Costs(stages=[1], heads=[1])}, "macs.stages: expected 3"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        table(**change)


def test_damaged_files_are_refused_in_one_line(tmp_path):
    path = tmp_path / "t.safetensors"
    write_exit_table(table(), path)
    arrays = load_file(path)
    whole = path.read_bytes()
    good = {"format_version": 1, "macs": {"stages": [1, 2, 3], "heads": [0, 0, 0]}}
    for contents, metadata, message in (
        (None, None, "safetensors"),
        (arrays, {}, "metadata"),
        (arrays, {KEY: json.dumps(good | {"format_version": 2})}, "format 1, got 2"),
        (arrays, {KEY: json.dumps(good | {"colour": 1})}, "colour"),
        (arrays, {KEY: "{"}, "."),
        ({"labels": arrays["labels"]}, {KEY: json.dumps(good)}, "logits"),
        (arrays | {"labels": arrays["parts"]}, {KEY: json.dumps(good)}, "labels: expected numbers"),
        (arrays | {"alpha": arrays["alpha"] * np.nan}, {KEY: json.dumps(good)}, "alpha: .*finite"),
        (arrays | {"more": arrays["alpha"]}, {KEY: json.dumps(good)}, "more"),
    ):
        if contents is None:
            path.write_bytes(whole[: len(whole) // 2])
        else:
            save_file(contents, path, metadata=metadata)
        with pytest.raises(DataError, match=message) as refused:
            read_exit_table(path)
        assert str(path) in str(refused.value)
        assert "\n" not in str(refused.value)
    with pytest.raises(DataError, match="exit table"):
        read_exit_table(tmp_path / "missing")
