"""Maxima of pairs answer exactly like torch's pooling, or the layer stays as it was."""

import pytest
import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from dart_stream.engine.packing import pack_convolutions
from dart_stream.engine.pairwise_max import PairwiseMax, replace_max_pools

LAYOUTS = [torch.contiguous_format, torch.channels_last]


def random_map(*shape, dtype=torch.float32, layout=torch.channels_last):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator).to(dtype).contiguous(memory_format=layout)


def replaced(module, x):
    traced = fx.symbolic_trace(module)
    ShapeProp(traced).propagate(x)
    replace_max_pools(traced)
    return traced


def count(module, kind):
    return sum(isinstance(part, kind) for part in module.modules())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 5, 8, 6), (1, 24, 2, 2)])
def test_it_is_pooling_to_the_last_bit_in_the_layout_it_was_given(shape, dtype, layout):
    x = random_map(*shape, dtype=dtype, layout=layout)
    pooled = PairwiseMax()(x)
    assert torch.equal(pooled, nn.functional.max_pool2d(x, 2))
    assert pooled.is_contiguous(memory_format=layout)


def test_no_picture_is_no_maximum():
    assert PairwiseMax()(random_map(0, 4, 6, 8)).shape == (0, 4, 3, 4)


def test_what_is_not_a_number_stays_so():
    x = random_map(1, 2, 4, 4)
    x[0, 1, 2, 3] = float("nan")
    assert torch.equal(PairwiseMax()(x).isnan(), nn.functional.max_pool2d(x, 2).isnan())


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_a_layer_over_an_even_map_is_replaced(ceil_mode):
    x = random_map(2, 4, 8, 8)
    module = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.MaxPool2d(2, ceil_mode=ceil_mode))
    got = replaced(module, x)
    assert (count(got, nn.MaxPool2d), count(got, PairwiseMax)) == (0, 1)
    assert torch.equal(got(x), module(x))


@pytest.mark.parametrize(
    ("pool", "size"),
    [
        (nn.MaxPool2d(2), 7),
        (nn.MaxPool2d(2, ceil_mode=True), 7),
        (nn.MaxPool2d(3, stride=2, padding=1), 8),
        (nn.MaxPool2d(2, stride=1), 8),
        (nn.MaxPool2d(2, dilation=2), 8),
        (nn.MaxPool2d(2, padding=1), 8),
        (nn.AvgPool2d(2), 8),
    ],
)
def test_other_layers_stay(pool, size):
    x = random_map(2, 4, size, size)
    got = replaced(nn.Sequential(pool), x)
    assert count(got, PairwiseMax) == 0
    assert torch.equal(got(x), pool(x))


def test_a_layer_that_runs_twice_is_judged_by_each_map_it_sees():
    pool = nn.MaxPool2d(2)
    x = random_map(1, 4, 6, 6)  # 6x6 is halved in pairs, the 3x3 behind it is not
    got = replaced(nn.Sequential(pool, pool), x)
    assert (count(got, nn.MaxPool2d), count(got, PairwiseMax)) == (1, 1)
    assert torch.equal(got(x), pool(pool(x)))


def test_packing_replaces_them_too():
    x = random_map(2, 4, 8, 8)
    module = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.GELU(), nn.MaxPool2d(2)).eval()
    packed = pack_convolutions(module, x).module
    assert count(packed, PairwiseMax) == 1
    with torch.inference_mode():
        torch.testing.assert_close(packed(x), module(x))
