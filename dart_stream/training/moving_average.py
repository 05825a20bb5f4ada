"""Averaged weights: what a training validates and ships."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """Exponential average of parameters and statistics, to be updated after every step.

    Args:
        network: copied; `AveragedModel.module` is the average.
        decay: per update, reached gradually: the memory starts short, so that random first weights
            are forgotten.
    """
    return AveragedModel(network, multi_avg_fn=_short_memory_first(decay), use_buffers=True)


def _short_memory_first(decay: float) -> Callable[[Any, Any, Any], None]:
    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], updates: Tensor | int) -> None:
        """Torch hands over groups of tensors of one type."""
        if averaged[0].is_floating_point():
            now = min(decay, (1 + int(updates)) / (10 + int(updates)))
            get_ema_multi_avg_fn(now)(averaged, current, updates)  # type: ignore[no-untyped-call]
            return
        for mean, value in zip(averaged, current, strict=True):  # counters of batches seen
            mean.copy_(value)

    return update
