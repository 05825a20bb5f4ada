"""Packed convolutions answer like plain ones, or the module stays as it was."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from dart_stream.engine import packing
from dart_stream.engine.packing import PackedConv2d, pack_convolutions


class Residual(nn.Module):
    def __init__(self, add, activation=torch.relu):
        super().__init__()
        self.conv1 = nn.Conv2d(6, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 6, 3, padding=1, bias=False)
        self.add = add
        self.activation = activation

    def forward(self, x):
        return self.activation(self.add(self.conv2(torch.relu(self.conv1(x))), x))


class Functions(nn.Module):
    """Activations that are called as functions."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(6, 6, 3, padding=1) for _ in range(3))

    def forward(self, x):
        x = functional.gelu(self.convs[0](x), approximate="tanh")
        x = functional.silu(self.convs[1](x))
        return functional.hardswish(self.convs[2](x))


class ReadTwice(nn.Module):
    """The rectifier and the addition both need the convolution's own output."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 1)

    def forward(self, x):
        y = self.conv(x)
        return torch.relu(y) + y


class Broadcast(nn.Module):
    """Adds something smaller than the output."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 1)

    def forward(self, x):
        return self.conv(x) + x.mean(dim=(2, 3), keepdim=True)


class DependsOnData(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 1)

    def forward(self, x):
        return self.conv(x) if float(x.sum()) > 0 else x


def in_place_add(a, b):
    a += b
    return a


HAS_BF16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
"""This CPU has the instructions that oneDNN's kernels in bf16 need."""

MODULES = {
    "conv": (lambda: nn.Sequential(nn.Conv2d(6, 5, 3)), 1),
    "conv and rectifier": (lambda: nn.Sequential(nn.Conv2d(6, 5, 3, stride=2), nn.ReLU()), 1),
    "conv and gelu": (lambda: nn.Sequential(nn.Conv2d(6, 5, 3), nn.GELU()), 1),
    "conv and tanh gelu": (lambda: nn.Sequential(nn.Conv2d(6, 5, 3), nn.GELU("tanh")), 1),
    "conv and silu": (lambda: nn.Sequential(nn.Conv2d(6, 5, 3), nn.SiLU()), 1),
    "conv and hardswish": (lambda: nn.Sequential(nn.Conv2d(6, 5, 3), nn.Hardswish()), 1),
    "conv and functions": (Functions, 3),
    "gelu behind an addition": (lambda: Residual(torch.add, functional.gelu), 2),
    "depthwise": (lambda: nn.Sequential(nn.Conv2d(6, 6, 3, groups=6, dilation=2), nn.ReLU()), 1),
    "residual": (lambda: Residual(torch.add), 2),
    "in-place residual": (lambda: Residual(in_place_add), 2),
    "minus is not plus": (lambda: Residual(torch.sub), 2),
    "scaled addition": (lambda: Residual(lambda a, b: torch.add(a, b, alpha=2)), 2),
    "constant": (lambda: Residual(lambda a, _b: a + 1), 2),
    "broadcast addition": (Broadcast, 1),
    "read twice": (ReadTwice, 1),
    "head": (lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)), 0),
    "padding by name": (lambda: nn.Sequential(nn.Conv2d(6, 5, 3, padding="same")), 0),
    "mirrored padding": (
        lambda: nn.Sequential(nn.Conv2d(6, 5, 3, padding=1, padding_mode="reflect")),
        0,
    ),
    "not traceable": (DependsOnData, 0),
}


@pytest.fixture(params=MODULES)
def case(request):
    torch.manual_seed(0)
    make, packed = MODULES[request.param]
    return make().eval(), packed


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_answer_stays_and_the_count_tells_what_was_packed(case, dtype):
    module, packed = case
    if dtype is torch.bfloat16 and not HAS_BF16:
        packed = 0
    module.to(dtype)
    example, other = (
        torch.randn(n, 6, 9, 7, dtype=dtype).to(memory_format=torch.channels_last) for n in (2, 5)
    )
    with torch.inference_mode():
        result = pack_convolutions(module, example)
        assert result.packed == packed
        assert sum(isinstance(part, PackedConv2d) for part in result.module.modules()) == packed
        tolerance = 1e-5 if dtype is torch.float32 else 3e-2
        torch.testing.assert_close(
            result.module(other), module(other), atol=tolerance, rtol=tolerance
        )


def test_a_form_that_fails_leaves_the_module_as_it_was(monkeypatch):
    def fail(*_arguments):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(PackedConv2d, "forward", fail)
    module = nn.Sequential(nn.Conv2d(6, 5, 3)).eval()
    result = pack_convolutions(module, torch.randn(2, 6, 9, 7))
    assert result.module is module
    assert (result.packed, result.total) == (0, 1)


def test_a_form_that_answers_differently_leaves_the_module_as_it_was(monkeypatch):
    monkeypatch.setattr(packing, "_answers_alike", lambda *_arguments: False)
    module = nn.Sequential(nn.Conv2d(6, 5, 3)).eval()
    result = pack_convolutions(module, torch.randn(2, 6, 9, 7))
    assert result.module is module
    assert (result.packed, result.total) == (0, 1)


@pytest.mark.parametrize(
    "activation", [nn.ReLU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Hardswish()]
)
def test_an_activation_behind_a_convolution_is_no_pass_of_its_own(activation):
    module = nn.Sequential(nn.Conv2d(6, 5, 3), activation).eval()
    packed = pack_convolutions(module, torch.randn(2, 6, 9, 7)).module
    assert [type(part) for part in packed.children()] == [PackedConv2d]


def test_the_layout_is_chosen_for_maps_of_this_size(monkeypatch):
    asked = []
    reorder = torch.ops.mkldnn._reorder_convolution_weight

    def spy(*arguments):
        asked.append(arguments[-1])
        return reorder(*arguments)

    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_convolution_weight", spy)
    module = nn.Sequential(nn.Conv2d(6, 5, 3), nn.ReLU(), nn.Conv2d(5, 4, 3)).eval()
    pack_convolutions(module, torch.randn(2, 6, 9, 7))
    assert asked == [[2, 6, 9, 7], [2, 5, 7, 5]]


def test_without_the_library_nothing_is_packed(monkeypatch):
    monkeypatch.setattr(torch._C, "_has_mkldnn", False)
    module = nn.Sequential(nn.Conv2d(6, 5, 3)).eval()
    assert pack_convolutions(module, torch.randn(2, 6, 9, 7)).module is module
