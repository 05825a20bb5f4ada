"""The joint loss over all exits.

Reference: DART Eq. 18: L = sum_i w_i CE_i + lambda L_policy.
Differs from the paper: early exits are also drawn to the last exit's answer (distillation), since
what an early exit must not do is disagree with full depth; L_policy is not defined there, ours is
the expected cost below, and lambda is 0 by default.
"""

import torch
from torch import Tensor
from torch.nn import functional

from dart_stream.training.recipe import Recipe


def exit_weights(exits: int) -> list[float]:
    """w_i = i / N for i = 1..N: the deeper an exit, the more its loss counts."""
    return [(index + 1) / exits for index in range(exits)]


def joint_loss(
    logits: list[Tensor], labels: Tensor, cost_fractions: Tensor, recipe: Recipe
) -> Tensor:
    """Weighted loss of all exits, a scalar.

    Args:
        logits: one [N, classes] per exit, the last from full depth.
        labels: class of each picture, [N].
        cost_fractions: MACs up to each exit as a share of the whole, [exits].
        recipe: smoothing, distillation and penalty.
    """
    logits = [exit_logits.float() for exit_logits in logits]
    teacher = logits[-1].detach()
    total = torch.zeros(())
    for weight, exit_logits in zip(exit_weights(len(logits)), logits, strict=True):
        loss = functional.cross_entropy(exit_logits, labels, label_smoothing=recipe.label_smoothing)
        if exit_logits is not logits[-1] and recipe.distillation:
            distance = distillation_loss(exit_logits, teacher, recipe.distillation_temperature)
            loss = torch.lerp(loss, distance, recipe.distillation)
        total = total + weight * loss
    if recipe.policy_penalty:
        total = total + recipe.policy_penalty * expected_cost(logits, cost_fractions)
    return total


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """KL divergence of softened answers times temperature^2, which keeps gradients in scale.

    Reference: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
    """
    target = functional.log_softmax(teacher / temperature, dim=1)
    answer = functional.log_softmax(student / temperature, dim=1)
    return temperature**2 * functional.kl_div(
        answer, target, log_target=True, reduction="batchmean"
    )


def expected_cost(logits: list[Tensor], cost_fractions: Tensor) -> Tensor:
    """L_policy: mean share of the MACs if a picture left exit k with probability its confidence.

    With confidence p_k, exit k is taken with probability p_k * prod_{j<k} (1 - p_j); the last
    exit takes the rest. The penalty rewards confidence whether or not it is earned, so it raises
    over-confidence at early exits, which the thresholds then have to pay for: hence off by default.
    """
    remaining = torch.ones(len(logits[0]))
    cost = torch.zeros(len(logits[0]))
    for exit_logits, fraction in zip(logits[:-1], cost_fractions[:-1], strict=True):
        confidence = exit_logits.softmax(1).amax(1)
        cost = cost + remaining * confidence * fraction
        remaining = remaining * (1 - confidence)
    return (cost + remaining * cost_fractions[-1]).mean()
