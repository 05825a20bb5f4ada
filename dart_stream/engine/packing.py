"""Convolutions with weights laid out once, and the addition and rectifier behind them in one pass.

In eager mode torch hands plain weights to oneDNN, which lays them out for its kernels again in
every call: at batch 1 that takes longer than the convolution. The operators used here are those
that torch's own CPU compiler emits. They are not a documented interface, so a module whose packed
form fails or answers differently is kept as it was.
"""

import copy
import operator
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}  # of the largest output
_ADDITIONS = {operator.add, operator.iadd, torch.add}
_RECTIFIERS = {torch.relu, nn.functional.relu}


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
    """relu(conv(x) + other), with the addition and the rectifier left out where not wanted."""

    def __init__(self, conv: nn.Conv2d, *, rectify: bool) -> None:
        super().__init__()
        assert not isinstance(conv.padding, str)  # `_can_pack` has said so
        self._layout = (conv.padding, conv.stride, conv.dilation, conv.groups)
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(  # noqa: SLF001 - see above
            conv.weight.detach(), *self._layout, None
        )
        self._bias = None if conv.bias is None else conv.bias.detach()
        self._rectify = rectify

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """Map (n, C, H, W), and `other` of the output's shape, to (n, C', H', W')."""
        convolution = torch.ops.mkldnn._convolution_pointwise  # noqa: SLF001 - see above
        if other is None:
            after = "relu" if self._rectify else "none"
            output: Tensor = convolution(x, self._weight, self._bias, *self._layout, after, [], "")
        else:
            unary = "relu" if self._rectify else None
            output = convolution.binary(
                x, other, self._weight, self._bias, *self._layout, "add", None, unary, [], None
            )
        return output


def pack_convolutions(module: nn.Module, example: Tensor) -> Packed:
    """Pack every convolution of a module on the CPU.

    Args:
        module: in evaluation mode and its final precision; it is not changed.
        example: an input it accepts, in that precision, channels last if it is a map.
    """
    total = sum(isinstance(part, nn.Conv2d) for part in module.modules())
    if total == 0 or not torch._C._has_mkldnn:  # noqa: SLF001 - mkldnn.is_available() has no types
        return Packed(module, 0, total)
    try:
        traced = fx.symbolic_trace(copy.deepcopy(module))
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
    rectifier = _only_user(last)
    rectify = False
    if rectifier is not None and _is_rectifier(traced, rectifier):
        last, rectify = rectifier, True
    traced.add_submodule(name, PackedConv2d(conv, rectify=rectify))
    with traced.graph.inserting_before(last):
        replacement = traced.graph.call_module(name, tuple(operands))
    last.replace_all_uses_with(replacement)
    traced.graph.eliminate_dead_code()


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _is_rectifier(traced: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_function":
        return node.target in _RECTIFIERS
    return isinstance(_module_of(traced, node), nn.ReLU)


def _module_of(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return traced.get_submodule(str(node.target)) if node.op == "call_module" else None


def _can_pack(conv: nn.Conv2d) -> bool:
    return conv.padding_mode == "zeros" and not isinstance(conv.padding, str)


@torch.inference_mode()
def _answers_alike(plain: nn.Module, packed: nn.Module, example: Tensor) -> bool:
    expected, got = plain(example).float(), packed(example).float()
    scale = expected.abs().max().clamp(min=1e-6)
    return bool((expected - got).abs().max() <= _TOLERANCE[example.dtype] * scale)
