"""Folding batch normalisation: the same answers with fewer layers, or nothing changed at all."""

import pytest
import torch
from torch import nn

from dart_stream.engine.folding import fold_batch_norm


def randomise(module):
    torch.manual_seed(1)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)) and part.running_mean is not None:
            nn.init.uniform_(part.running_mean, -1, 1)
            nn.init.uniform_(part.running_var, 0.3, 3)
            if part.affine:
                nn.init.uniform_(part.weight, -2, 2)
                nn.init.uniform_(part.bias, -1, 1)
    return module.eval()


class Residual(nn.Module):
    """A conv used by two readers keeps its normalisation; the others fold."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(4)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        z = self.conv2(y)
        return self.bn2(z) + z


class UsedTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.bn(self.conv(self.bn(self.conv(x))))


class DependsOnData(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x):
        y = self.bn(self.conv(x))
        return y if float(y.sum()) > 0 else -y


class DependsOnBatch(nn.Module):
    """Traces to something else than it does: the trace takes the `else` for every input."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x):
        y = self.bn(self.conv(x))
        return y * 2 if isinstance(x, torch.Tensor) and type(x) is torch.Tensor else y


class Functional(nn.Module):
    """A normalisation called as a function, as libraries do that add the rectifier to it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x):
        bn = self.bn
        torch._assert(x.ndim == 4, "expected pictures")
        x = nn.functional.batch_norm(
            self.conv(x), bn.running_mean, bn.running_var, bn.weight, bn.bias, False, 0.1, bn.eps
        )
        return torch.relu(x)


class FunctionalRow(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.bn = nn.BatchNorm1d(4)

    def forward(self, x):
        bn = self.bn
        return nn.functional.batch_norm(
            self.linear(x), bn.running_mean, bn.running_var, bn.weight, bn.bias
        )


class Tokens(nn.Module):
    """Normalises tokens as LeViT does, and adds biases picked out of its weights."""

    def __init__(self, *, end=1):
        super().__init__()
        self.linear = nn.Linear(5, 4, bias=False)
        self.bn = nn.BatchNorm1d(4)
        self.biases = nn.Parameter(torch.randn(7, 4))
        self.register_buffer("picked", torch.tensor([[0, 3, 6], [1, 1, 2]]))
        self.end = end

    def forward(self, x):
        x = x.flatten(1, self.end)
        y = self.linear(x)
        return self.bn(y.flatten(0, 1)).reshape_as(y) + self.biases[self.picked].mean((0, 1))


IMAGE = torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(0))
ROW = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("module", "example", "counts"),
    [
        (
            nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
            IMAGE,
            (1, 1),
        ),
        (nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.BatchNorm2d(6)), IMAGE, (1, 1)),
        (nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, affine=False)), IMAGE, (1, 1)),
        (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), ROW, (1, 1)),
        (nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4)), ROW, (1, 1)),
        (nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4, bias=False)), ROW, (1, 1)),
        (nn.Sequential(nn.BatchNorm1d(3, affine=False), nn.Linear(3, 4)), ROW, (1, 1)),
        (nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)), IMAGE, (0, 1)),
        (
            nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)),
            IMAGE,
            (0, 1),
        ),
        (
            nn.Sequential(
                nn.Conv2d(3, 4, 1), nn.Identity(), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU()
            ),
            IMAGE,
            (1, 1),
        ),
        (nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 4)), ROW, (1, 1)),
        (Functional(), IMAGE, (1, 1)),
        (FunctionalRow(), ROW, (0, 1)),
        (Tokens(end=2), IMAGE, (1, 1)),
        (Residual(), IMAGE, (1, 2)),
        (UsedTwice(), IMAGE, (0, 1)),
        (DependsOnData(), IMAGE, (0, 1)),
        (DependsOnBatch(), IMAGE, (0, 1)),
        (nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), IMAGE, (0, 0)),
    ],
)
def test_the_answer_stays_and_the_counts_tell_what_was_folded(module, example, counts):
    randomise(module)
    folded = fold_batch_norm(module, example)
    assert (folded.folded, folded.total) == counts
    remaining = sum(
        isinstance(part, nn.modules.batchnorm._BatchNorm) for part in folded.module.modules()
    )
    assert remaining == folded.total - folded.folded
    with torch.inference_mode():
        torch.testing.assert_close(folded.module(example), module(example), atol=1e-5, rtol=1e-4)


def test_what_depends_on_weights_alone_is_computed_once():
    module = randomise(Tokens(end=2))
    traced = fold_batch_norm(module, IMAGE).module
    (node,) = traced.graph.find_nodes(op="get_attr")
    constant = getattr(traced, node.target)
    assert torch.equal(constant, module.biases[module.picked])
    assert not constant.requires_grad


def test_in_inference_nothing_is_dropped_or_checked():
    module = nn.Sequential(nn.Dropout(0.5), Functional(), nn.Identity(), nn.Dropout2d(0.5))
    traced = fold_batch_norm(module, IMAGE).module
    assert {type(part) for part in traced.modules()} & {nn.Dropout, nn.Identity} == set()
    assert all(node.target is not torch._assert for node in traced.graph.nodes)


def test_the_module_given_is_left_as_it_was():
    module = randomise(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    folded = fold_batch_norm(module, IMAGE)
    assert module.training
    assert not folded.module.training
    assert module.state_dict().keys() == before.keys()
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
