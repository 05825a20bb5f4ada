"""Batch normalisation folded into the layer beside it: fewer passes over memory, the same answer.

Reference: Markuš, N., "Fusing batch normalization and convolution in runtime", 2018.
"""

import copy
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from dart_stream.engine.normal_form import normalise_graph

TOLERANCE = 1e-3  # of the largest output; float32 rounding stays two orders below


@dataclass(frozen=True, slots=True)
class Folded:
    """A module for inference and how many of its normalisations went away.

    Attributes:
        module: in evaluation mode, a copy; the module it was made from is as it was.
        folded: batch normalisations that no longer run.
        total: batch normalisations there were.
    """

    module: nn.Module
    folded: int
    total: int


def fold_batch_norm(module: nn.Module, example: Tensor) -> Folded:
    """Fold each batch normalisation that directly follows or feeds a layer that can take it in.

    A module whose Python cannot be traced, or whose folded form answers differently on
    `example`, is kept as it is, and the counts say so.

    Args:
        module: a stage or a head.
        example: an input it accepts, float32 on the CPU.
    """
    plain = copy.deepcopy(module).float().cpu().eval()
    total = sum(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in plain.modules())  # noqa: SLF001 - the only common base of the three
    try:
        graph = fx.symbolic_trace(copy.deepcopy(plain))
        normalise_graph(graph)
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError):
        # Control flow that depends on data: symbolic values fail in whatever that code does first.
        return Folded(plain, 0, total)
    folded = _fold_graph(graph)
    if not _answers_alike(plain, graph, example):
        return Folded(plain, 0, total)
    return Folded(graph, folded, total)


def _fold_graph(traced: fx.GraphModule) -> int:
    """Fold in place; return how many normalisations went away."""
    modules = dict(traced.named_modules())
    calls = Counter(str(node.target) for node in traced.graph.nodes if node.op == "call_module")
    folded = 0
    for node in list(traced.graph.nodes):
        pair = _pair_before(node)
        if pair is None:
            continue
        first, second = pair
        name, second_name = str(first.target), str(second.target)
        if calls[name] != 1 or calls[second_name] != 1:
            continue  # weights used twice would be folded twice
        merged = _merge(modules[name], modules[second_name])
        if merged is None:
            continue
        traced.set_submodule(name, merged)
        modules[name] = merged
        node.replace_all_uses_with(first)
        traced.graph.eliminate_dead_code()
        folded += 1
    traced.graph.lint()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return folded


def _pair_before(node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
    """Return two layers of which the second alone reads the first, and `node` is what they say."""
    if node.op == "call_module" and node.args:
        first = node.args[0]
        if isinstance(first, fx.Node) and first.op == "call_module" and len(first.users) == 1:
            return first, node
    if node.op == "call_method" and node.target == "reshape_as":
        return _pair_on_tokens(node)
    return None


def _pair_on_tokens(node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
    """Find norm(linear(x).flatten(0, 1)).reshape_as(linear(x)), LeViT's way of normalising tokens.

    A normalisation takes channels second, which flattened tokens have.
    """
    norm, linear = node.args
    if not (isinstance(norm, fx.Node) and isinstance(linear, fx.Node) and norm.args):
        return None
    flat = norm.args[0]
    is_pair = (
        (norm.op, linear.op) == ("call_module", "call_module")
        and isinstance(flat, fx.Node)
        and flat.target == "flatten"
        and flat.args == (linear, 0, 1)
        and set(linear.users) == {flat, node}
        and len(flat.users) == len(norm.users) == 1
    )
    return (linear, norm) if is_pair else None


def _merge(first: nn.Module, second: nn.Module) -> nn.Module | None:
    """Return one layer that does what the two do in a row, or None if there is none."""
    norm = second if isinstance(second, nn.modules.batchnorm._BatchNorm) else first  # noqa: SLF001 - see above
    if getattr(norm, "running_mean", None) is None:
        return None
    match first, second:
        case ((nn.Conv1d() | nn.Conv2d() | nn.Conv3d()), nn.modules.batchnorm._BatchNorm()):  # noqa: SLF001 - see above
            return fuse_conv_bn_eval(first, second)
        case nn.Linear(), nn.BatchNorm1d():
            return fuse_linear_bn_eval(first, second)
        case nn.BatchNorm1d(), nn.Linear():
            return _into_next_linear(first, second)
        case _:
            return None


def _into_next_linear(norm: nn.BatchNorm1d, linear: nn.Linear) -> nn.Linear | None:
    """Fold a normalisation into the layer behind it: W (a x + b) + c = (W a) x + (W b + c)."""
    mean, var = norm.running_mean, norm.running_var
    if mean is None or var is None:
        return None
    with torch.no_grad():
        scale = torch.rsqrt(var + norm.eps) * (norm.weight if norm.affine else 1)
        shift = (norm.bias if norm.affine else 0) - mean * scale
        merged = nn.Linear(linear.in_features, linear.out_features)
        merged.weight.copy_(linear.weight * scale)
        merged.bias.copy_(linear.weight @ shift + (0 if linear.bias is None else linear.bias))
    return merged.eval()


@torch.inference_mode()
def _answers_alike(plain: nn.Module, folded: nn.Module, example: Tensor) -> bool:
    expected, got = plain(example), folded(example)
    return bool((expected - got).abs().max() <= TOLERANCE * expected.abs().max().clamp(min=1))
