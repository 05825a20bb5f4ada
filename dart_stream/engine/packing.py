"""Convolutions with weights laid out once, and the addition and activation behind them in one pass.

In eager mode torch hands plain weights to oneDNN, which lays them out for its kernels again in
every call: at batch 1 that takes longer than the convolution. The operators used here are those
that torch's own CPU compiler emits. They are not a documented interface, so a module whose packed
form fails or answers differently is kept as it was.
"""

import copy
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from dart_stream.engine.pairwise_max import replace_max_pools

_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}  # of the largest output
_ADDITIONS = {operator.add, operator.iadd, torch.add}


@dataclass(frozen=True, slots=True)
class Activation:
    """What oneDNN applies to a convolution's output before it is written to memory.

    Attributes:
        name: as oneDNN has it; "none" for the output itself.
        algorithm: which of several forms; "" where there is one.
    """

    name: str
    algorithm: str = ""


_NONE = Activation("none")
_RELU = Activation("relu")
_BY_FUNCTION: dict[Any, Activation] = {
    torch.relu: _RELU,
    nn.functional.relu: _RELU,
    nn.functional.silu: Activation("swish"),
    nn.functional.hardswish: Activation("hardswish"),
}
_BY_LAYER: dict[Any, Activation] = {
    nn.ReLU: _RELU,
    nn.SiLU: Activation("swish"),
    nn.Hardswish: Activation("hardswish"),
}


@dataclass(frozen=True, slots=True)
class Packed:
    """A module whose convolutions are packed, and how many of them.

    Attributes:
        module: the packed module, or the one given.
        packed: convolutions that are laid out in advance.
        total: two-dimensional convolutions there are.
    """

    module: nn.Module
    packed: int
    total: int


class PackedConv2d(nn.Module):
    """activation(conv(x)) or relu(conv(x) + other), the rectifier left out where not wanted."""

    def __init__(self, conv: nn.Conv2d, activation: Activation, shape: Sequence[int]) -> None:
        super().__init__()
        assert not isinstance(conv.padding, str)  # `_can_pack` has said so
        self._layout = (conv.padding, conv.stride, conv.dilation, conv.groups)
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(  # noqa: SLF001 - see above
            conv.weight.detach(),
            *self._layout,
            # Without the input's shape oneDNN may choose a layout that its kernels then undo in
            # every call: of 192 channels in float32 that takes 13 ms. Any number of rows will do.
            list(shape),
        )
        self._bias = None if conv.bias is None else conv.bias.detach()
        self._activation = activation

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """Map (n, C, H, W), and `other` of the output's shape, to (n, C', H', W')."""
        convolution = torch.ops.mkldnn._convolution_pointwise  # noqa: SLF001 - see above
        after = self._activation
        if other is None:
            output: Tensor = convolution(
                x, self._weight, self._bias, *self._layout, after.name, [], after.algorithm
            )
        else:
            unary = None if after is _NONE else after.name
            output = convolution.binary(
                x, other, self._weight, self._bias, *self._layout, "add", None, unary, [], None
            )
        return output


def pack_convolutions(module: nn.Module, example: Tensor) -> Packed:
    """Pack every convolution of a module on the CPU, and take maxima over 2x2 in pairs.

    Args:
        module: in evaluation mode and its final precision; it is not changed.
        example: an input it accepts, in that precision, channels last if it is a map.
    """
    total = sum(isinstance(part, nn.Conv2d) for part in module.modules())
    if total == 0 or not torch._C._has_mkldnn:  # noqa: SLF001 - mkldnn.is_available() has no types
        return Packed(module, 0, total)
    try:
        traced = fx.symbolic_trace(copy.deepcopy(module))
        with torch.inference_mode():
            ShapeProp(traced).propagate(example)
        replace_max_pools(traced)
        packed = _pack_graph(traced)
        alike = _answers_alike(module, traced, example)
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError):
        # Not traceable, no bf16 kernels on this CPU, or another torch without these operators.
        return Packed(module, 0, total)
    return Packed(traced, packed, total) if alike else Packed(module, 0, total)


def _pack_graph(traced: fx.GraphModule) -> int:
    packed = 0
    for node in list(traced.graph.nodes):
        conv = _module_of(traced, node)
        if isinstance(conv, nn.Conv2d) and _can_pack(conv) and len(node.args) == 1:
            _pack_node(traced, node, conv, name=f"packed_{packed}")
            packed += 1
    traced.graph.lint()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return packed


def _pack_node(traced: fx.GraphModule, node: fx.Node, conv: nn.Conv2d, *, name: str) -> None:
    """Replace a convolution, and what directly follows it if nobody else reads in between."""
    last, operands = node, [node.args[0]]
    addition = _only_user(last)
    if addition is not None and addition.target in _ADDITIONS and not addition.kwargs:
        others = [argument for argument in addition.args if argument is not last]
        if len(others) == 1 and isinstance(others[0], fx.Node):
            last, operands = addition, [*operands, others[0]]
    activation = _activation(traced, _only_user(last))
    if len(operands) == 2 and activation is not _RELU:
        activation = _NONE  # behind an addition oneDNN knows no other one
    if activation is not _NONE:
        last = next(iter(last.users))
    shape = node.all_input_nodes[0].meta["tensor_meta"].shape
    traced.add_submodule(name, PackedConv2d(conv, activation, shape))
    with traced.graph.inserting_before(last):
        replacement = traced.graph.call_module(name, tuple(operands))
    replacement.meta.update(last.meta)  # what reads it asks for its shape
    last.replace_all_uses_with(replacement)
    traced.graph.eliminate_dead_code()


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _activation(traced: fx.GraphModule, node: fx.Node | None) -> Activation:
    """Tell which activation a node is, `_NONE` if it is none that can be taken in."""
    if node is None:
        return _NONE
    if node.target is nn.functional.gelu:
        return Activation("gelu", str(node.kwargs.get("approximate", "none")))
    if node.op == "call_function":
        return _BY_FUNCTION.get(node.target, _NONE)
    layer = _module_of(traced, node)
    if isinstance(layer, nn.GELU):
        return Activation("gelu", layer.approximate)
    return _BY_LAYER.get(type(layer), _NONE)


def _module_of(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return traced.get_submodule(str(node.target)) if node.op == "call_module" else None


def _can_pack(conv: nn.Conv2d) -> bool:
    return conv.padding_mode == "zeros" and not isinstance(conv.padding, str)


@torch.inference_mode()
def _answers_alike(plain: nn.Module, packed: nn.Module, example: Tensor) -> bool:
    expected, got = plain(example).float(), packed(example).float()
    scale = expected.abs().max().clamp(min=1e-6)
    return bool((expected - got).abs().max() <= _TOLERANCE[example.dtype] * scale)
