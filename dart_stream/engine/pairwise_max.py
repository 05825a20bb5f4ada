"""Maxima over 2x2 on a CPU as two maxima of pairs, which take half the time.

Torch's own pooling also writes down where each maximum was, which only training asks for.
"""

import torch
from torch import Tensor, fx, nn

_BOTH = {2, (2, 2)}


class PairwiseMax(nn.Module):
    """Maxima over 2x2, (n, C, 2 H, 2 W) to (n, C, H, W), in the memory layout of the input."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the maxima."""
        rows = torch.maximum(x[:, :, ::2], x[:, :, 1::2])
        return torch.maximum(rows[..., ::2], rows[..., 1::2])


def replace_max_pools(traced: fx.GraphModule) -> None:
    """Replace, in place, each pooling layer that takes maxima over 2x2 of an even map.

    Args:
        traced: whose nodes know their shapes, as `ShapeProp` leaves them.
    """
    for node in list(traced.graph.nodes):
        if node.op != "call_module" or len(node.args) != 1:
            continue
        pool = traced.get_submodule(str(node.target))
        if isinstance(pool, nn.MaxPool2d) and _is_over_pairs(pool) and _is_even(node.args[0]):
            name = f"pairwise_{node.name}"
            traced.add_submodule(name, PairwiseMax())
            node.target = name
    traced.graph.lint()
    traced.delete_all_unused_submodules()
    traced.recompile()


def _is_over_pairs(pool: nn.MaxPool2d) -> bool:
    return (
        pool.kernel_size in _BOTH
        and pool.stride in _BOTH
        and pool.padding in {0, (0, 0)}
        and pool.dilation in {1, (1, 1)}
        and not pool.return_indices
    )


def _is_even(node: fx.Node) -> bool:
    shape = node.meta["tensor_meta"].shape
    return len(shape) == 4 and shape[2] % 2 == shape[3] % 2 == 0
