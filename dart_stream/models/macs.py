"""Multiply-accumulates of a network, measured by running it on tensors without data."""

import copy

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dart_stream.macs import Macs
from dart_stream.models.network import MultiExitNetwork


def count_macs(network: MultiExitNetwork) -> Macs:
    """MACs of convolutions and matrix products for one picture; biases and norms are not counted.

    Runs a copy on the `meta` device, so it costs no arithmetic and does not touch `network`.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    x = torch.empty(1, 3, *network.input_size, device="meta")
    stages, heads = [], []
    for stage, head in zip(shadow.stages, shadow.heads, strict=True):
        macs, x = _measure(stage, x)
        stages.append(macs)
        heads.append(_measure(head, x)[0])
    return Macs(stages, heads)


def _measure(module: nn.Module, x: Tensor) -> tuple[int, Tensor]:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = module(x)
    return counter.get_total_flops() // 2, output
