"""Logits of a bf16 head are not rounded to bf16."""

import copy

import pytest
import torch
from torch import nn

from dart_stream.engine.float32_logits import Float32Linear, with_float32_logits


class Inline(nn.Module):
    """Ends in something that is not a layer."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 3)

    def forward(self, x):
        return self.linear(x) * 2


class DependsOnData(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 3)

    def forward(self, x):
        return self.linear(x if float(x.sum()) > 0 else -x)


def test_the_last_layer_keeps_its_exact_weights_and_answers_in_float32():
    torch.manual_seed(0)
    exact = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3)).eval()
    rounded = copy.deepcopy(exact).to(torch.bfloat16)
    head = with_float32_logits(rounded, exact)
    x = torch.randn(5, 8, dtype=torch.bfloat16)
    with torch.inference_mode():
        hidden = rounded[1](rounded[0](x))
        logits = head(x)
        torch.testing.assert_close(logits, exact[2](hidden.float()), rtol=0, atol=0)
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())
    assert isinstance(rounded[2], nn.Linear)


@pytest.mark.parametrize("make", [Inline, DependsOnData, lambda: nn.Sequential(nn.ReLU())])
def test_a_head_that_ends_otherwise_is_left_as_it_was(make):
    head = make().eval()
    assert with_float32_logits(head, head) is head


def test_a_float32_layer_does_not_share_its_weights():
    linear = nn.Linear(2, 2).to(torch.bfloat16)
    layer = Float32Linear(linear)
    assert {parameter.dtype for parameter in layer.parameters()} == {torch.float32}
    assert linear.weight.dtype == torch.bfloat16
