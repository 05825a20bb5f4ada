"""The last layer of a head in float32, whatever the rest runs in.

A logit of 12 has neighbours .06 away in bf16, which moves a confidence across a threshold. The
layer is so small that float32 costs nothing; on a CPU it is even faster.
"""

import copy

from torch import Tensor, fx, nn


class Float32Linear(nn.Module):
    """A linear layer (n, in) -> (n, out) that computes in float32 for inputs of any precision."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._linear = copy.deepcopy(linear).float()

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 (n, out)."""
        logits: Tensor = self._linear(x.float())
        return logits


def with_float32_logits(head: nn.Module, exact: nn.Module) -> nn.Module:
    """Return a head whose last layer computes in float32, if that layer is linear.

    Args:
        head: a head in low precision; it is not changed. One that cannot be traced, or that ends
            in something else, is returned as it is.
        exact: the same head with float32 weights, on any device.
    """
    try:
        traced = fx.symbolic_trace(copy.deepcopy(head))
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError):
        return head
    (output,) = traced.graph.find_nodes(op="output")
    last = output.args[0]
    if not isinstance(last, fx.Node) or last.op != "call_module":
        return head
    name = str(last.target)
    rounded = traced.get_submodule(name)
    if not isinstance(rounded, nn.Linear):
        return head
    linear = exact.get_submodule(name)
    assert isinstance(linear, nn.Linear)
    traced.set_submodule(name, Float32Linear(linear).to(rounded.weight.device))
    return traced
