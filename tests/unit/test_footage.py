"""Crops of a source without the pipeline."""

import msgspec
import pytest

from dart_stream.model_dir import read_info, resolve
from pipeline import footage
from pipeline.config import SourceConfig


@pytest.mark.parametrize(("most_bytes", "count"), [(1 << 20, 20), (5 * 32 * 32 * 3, 5), (1, 1)])
def test_large_crops_are_fewer(monkeypatch, most_bytes, count):
    monkeypatch.setattr(footage, "_MAX_BYTES", most_bytes)
    source = SourceConfig(uri="synthetic://?frames=40&width=32&height=32")
    info = msgspec.structs.replace(read_info(resolve("default")), input_size=(32, 32))
    crops = footage.read_crops(source, info, 20, lambda _count: None)
    assert crops.shape == (count, 32, 32, 3)
