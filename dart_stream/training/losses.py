"""The joint loss over all exits.

Reference: DART Eq. 18: L = sum_i w_i CE_i + lambda L_policy.
Differs from the paper: early exits are also drawn to the last exit's answer (distillation), since
what an early exit must not do is disagree with full depth, and the last one to a teacher's, if
there is one; L_policy is not defined there, ours is the expected cost below, and lambda is 0 by
default; the first epochs may train the backbone alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dart_stream.errors import ModelError
from dart_stream.training.batches import Targets
from dart_stream.training.recipe import Recipe
from dart_stream.training.schedule import exit_weights_at


def exit_weights(exits: int) -> list[float]:
    """w_i = i / N for i = 1..N: the deeper an exit, the more its loss counts."""
    return [(index + 1) / exits for index in range(exits)]


class JointLoss:
    """Weighted loss of all exits.

    Args:
        recipe: weights, phases, smoothing, distillation and penalty.
        cost_fractions: MACs up to each exit as a share of the whole, one per exit.
        class_weights: factor on the loss of each class, or None for equal ones.

    Raises:
        ModelError: the recipe's exit weights are of another number than the exits.
    """

    def __init__(
        self,
        recipe: Recipe,
        cost_fractions: Sequence[float],
        class_weights: Sequence[float] | None = None,
    ) -> None:
        exits = len(cost_fractions)
        self._recipe = recipe
        self._cost_fractions = torch.tensor(cost_fractions)
        self._class_weights = None if class_weights is None else torch.tensor(class_weights)
        self._weights = exit_weights(exits) if recipe.exit_weights is None else recipe.exit_weights
        if len(self._weights) != exits:
            raise ModelError(
                f"recipe: expected {exits} exit_weights, one per exit of the network, "
                f"got {len(self._weights)}"
            )

    def __call__(
        self, logits: list[Tensor], targets: Targets, epoch: int, taught: Tensor | None = None
    ) -> Tensor:
        """Return a scalar.

        Args:
            logits: one [N, classes] per exit, the last from full depth.
            targets: of N pictures.
            epoch: counted from 0; it decides which exits count.
            taught: a teacher's logits, [N, classes], if there is one.
        """
        logits = [exit_logits.float() for exit_logits in logits]
        weights = exit_weights_at(epoch, self._weights, self._recipe)
        total = weights[-1] * self._last_loss(logits[-1], targets, taught)
        for weight, exit_logits in zip(weights[:-1], logits[:-1], strict=True):
            if weight:
                total = total + weight * self._early_loss(exit_logits, logits[-1], targets)
        penalty = self._recipe.policy_penalty
        if penalty and epoch >= self._recipe.backbone_epochs:
            total = total + penalty * expected_cost(logits, self._cost_fractions)
        return total

    def _last_loss(self, logits: Tensor, targets: Targets, taught: Tensor | None) -> Tensor:
        loss = self._label_loss(logits, targets)
        if taught is None:
            return loss
        distance = distillation_loss(logits, taught, self._recipe.teacher_temperature)
        return torch.lerp(loss, distance, self._recipe.teacher_share)

    def _label_loss(self, logits: Tensor, targets: Targets) -> Tensor:
        loss = self._cross_entropy(logits, targets.labels)
        if targets.pasted is None:
            return loss
        return torch.lerp(loss, self._cross_entropy(logits, targets.pasted), targets.pasted_share)

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            logits, labels, self._class_weights, label_smoothing=self._recipe.label_smoothing
        )

    def _early_loss(self, logits: Tensor, last: Tensor, targets: Targets) -> Tensor:
        share = self._recipe.distillation
        if not share:
            return self._label_loss(logits, targets)
        distance = distillation_loss(logits, last.detach(), self._recipe.distillation_temperature)
        return torch.lerp(self._label_loss(logits, targets), distance, share)


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
