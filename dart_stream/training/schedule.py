"""What the recipe asks for at each step: how large the rates are, and which exits count."""

import math
from collections.abc import Sequence

from dart_stream.training.recipe import Recipe


def rate_factor(step: int, steps_per_epoch: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at `step`, counted from 0 over the whole training.

    One cycle spans the training: linear rise during the warm-up, then half a cosine down to zero.
    With `joint_cycle` the backbone phase and the joint phase have a cycle each.
    """
    total = recipe.epochs * steps_per_epoch
    joint_from = recipe.backbone_epochs * steps_per_epoch
    if not recipe.joint_cycle or not 0 < joint_from < total:
        return _cycle((step + 1) / total, recipe.warmup)
    if step < joint_from:
        return _cycle((step + 1) / joint_from, recipe.warmup)
    position = (step - joint_from + 1) / (total - joint_from)
    return recipe.joint_cycle * _cycle(position, recipe.warmup)


def exit_weights_at(epoch: int, weights: Sequence[float], recipe: Recipe) -> list[float]:
    """Weights of the exits' losses in `epoch`, counted from 0.

    Reference: the mixed regime (backbone first, then all exits jointly) of Kubaty et al., "How to
    Train Your Multi-Exit Model? Analyzing the Impact of Training Strategies", 2025.
    """
    if epoch >= recipe.backbone_epochs:
        return list(weights)
    early = [recipe.backbone_exit_weight * weight for weight in weights[:-1]]
    return [*early, weights[-1]]


def _cycle(position: float, warmup: float) -> float:
    """Height in [0, 1] at `position` in (0, 1]."""
    if position < warmup:
        return position / warmup
    return 0.5 * (1 + math.cos(math.pi * (position - warmup) / (1 - warmup)))
