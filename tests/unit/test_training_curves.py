"""Curves of a training as numbers and as a picture."""

import json
import sys

import pytest

from dart_stream.training import EpochRecord
from dart_stream.training.curves import draw_curves, write_curves

HISTORY = [
    EpochRecord(1, 2.0, [0.3, 0.4], learning_rate=0.1, duration_s=3.0),
    EpochRecord(2, 1.5, [0.5, 0.7], learning_rate=0.0, duration_s=2.0),
]


def test_numbers_hold_one_column_per_exit(tmp_path):
    write_curves(tmp_path, HISTORY)
    assert json.loads((tmp_path / "curves.json").read_text()) == {
        "epoch": [1, 2],
        "loss": [2.0, 1.5],
        "accuracy": [[0.3, 0.5], [0.4, 0.7]],
        "learning_rate": [0.1, 0.0],
        "duration_s": [3.0, 2.0],
    }


def test_no_epoch_yet_gives_empty_columns(tmp_path):
    write_curves(tmp_path, [])
    assert json.loads((tmp_path / "curves.json").read_text())["accuracy"] == []


def test_picture_is_a_png(tmp_path):
    pytest.importorskip("matplotlib")
    assert draw_curves(tmp_path, HISTORY)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_nothing_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert not draw_curves(tmp_path, HISTORY)
    assert list(tmp_path.iterdir()) == []
