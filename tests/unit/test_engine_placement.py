"""Device and precision: asked for, measured, refused."""

import pytest
import torch
from torch import nn

from dart_stream.engine import Engine, EngineError, StagedModel, placement


class OneExit(nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList([nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))])
        self.heads = nn.ModuleList([nn.Sequential(nn.Flatten(), nn.Linear(4 * 36, 2))])


def model():
    return StagedModel(
        network=OneExit(),
        num_classes=2,
        input_size=(8, 8),
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
        temperatures=(1.0,),
        stage_macs=(10,),
        head_macs=(1,),
    )


@pytest.mark.parametrize(
    ("times_ms", "precision", "reason"),
    [([3.8, 2.0], "bf16", "1.9x faster than fp32"), ([1.0, 5.0], "fp32", "5.0x faster than bf16")],
)
def test_auto_takes_the_faster_precision_and_says_so(monkeypatch, times_ms, precision, reason):
    monkeypatch.setattr(placement, "interleaved_median_ms", lambda *_args, **_kwargs: times_ms)
    engine = Engine(model(), device="cpu")
    assert engine.precision == precision
    packs = precision == "fp32" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert engine.description == (
        f"cpu {precision} ({reason}), 1 thread, "
        f"1 of 1 batch norms folded, {int(packs)} of 1 convolutions packed"
    )


def test_auto_really_measures():
    engine = Engine(model(), device="cpu")
    assert engine.precision in {"fp32", "bf16"}
    assert "x faster than" in engine.description


def test_what_is_asked_for_is_not_measured(monkeypatch):
    monkeypatch.setattr(placement, "interleaved_median_ms", None)
    engine = Engine(model(), device="cpu", precision="bf16")
    assert engine.description.startswith("cpu bf16 (as asked)")


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "cpu:0", "", "cuda:-1"])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(EngineError, match="expected auto, cpu, cuda or cuda:N"):
        Engine(model(), device=name)


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(EngineError, match=r"this machine has .* CUDA devices"):
        Engine(model(), device="cuda:99")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"precision": "fp8"}, "expected auto, fp32 or bf16, got 'fp8'"),
        ({"threads": 0}, "threads: expected 1 or more, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(EngineError, match=message):
        Engine(model(), device="cpu", **arguments)


def test_the_number_of_threads_is_set_for_the_process():
    before = torch.get_num_threads()
    try:
        assert "2 threads" in Engine(model(), device="cpu", precision="fp32", threads=2).description
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
