"""The joint loss over all exits."""

import pytest
import torch
from torch.nn import functional

from dart_stream.errors import ModelError
from dart_stream.training import Recipe
from dart_stream.training.batches import Targets
from dart_stream.training.losses import (
    JointLoss,
    distillation_loss,
    exit_weights,
    expected_cost,
)


class TestLosses:
    LOGITS = (torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    LABELS = torch.tensor([0, 0])
    COST = (0.25, 1.0)

    def loss(self, *, logits=LOGITS, labels=LABELS, class_weights=None, **settings):
        plain = {"label_smoothing": 0.0, "distillation": 0.0}
        loss = JointLoss(Recipe(**plain | settings), self.COST, class_weights)
        targets = labels if isinstance(labels, Targets) else Targets(labels)
        return loss(list(logits), targets, 0)

    def test_deeper_exits_weigh_more(self):
        assert exit_weights(4) == [0.25, 0.5, 0.75, 1.0]

    def test_without_extras_it_is_the_weighted_cross_entropy(self):
        early, full = (functional.cross_entropy(each, self.LABELS) for each in self.LOGITS)
        torch.testing.assert_close(self.loss(), 0.5 * early + full)
        torch.testing.assert_close(self.loss(exit_weights=[0.2, 3.0]), 0.2 * early + 3 * full)

    def test_a_pasted_class_counts_by_its_area(self):
        pasted = torch.tensor([1, 1])
        mixed = self.loss(labels=Targets(self.LABELS, pasted, 0.25), distillation=0.3)
        parts = [self.loss(labels=labels, distillation=0.3) for labels in (self.LABELS, pasted)]
        torch.testing.assert_close(mixed, 0.75 * parts[0] + 0.25 * parts[1])

    def test_weights_of_another_number_than_the_exits_are_refused(self):
        with pytest.raises(
            ModelError, match="expected 2 exit_weights, one per exit of the network, got 3"
        ):
            self.loss(exit_weights=[0.1, 0.2, 1.0])

    def test_backbone_phase_counts_the_last_exit_only(self):
        full = functional.cross_entropy(self.LOGITS[1], self.LABELS)
        found = self.loss(backbone_epochs=1, policy_penalty=0.1)
        torch.testing.assert_close(found, full)

    def test_distillation_replaces_its_share_of_early_losses_only(self):
        early, full = self.LOGITS
        expected = 0.5 * distillation_loss(early, full, 3.0) + functional.cross_entropy(
            full, self.LABELS
        )
        found = self.loss(distillation=1.0, distillation_temperature=3.0)
        torch.testing.assert_close(found, expected)

    def test_distillation_of_equal_answers_costs_nothing(self):
        assert distillation_loss(self.LOGITS[0], self.LOGITS[0], 2.0) == pytest.approx(0, abs=1e-6)

    def test_distillation_does_not_teach_the_teacher(self):
        full = self.LOGITS[1].clone().requires_grad_()
        early = self.LOGITS[0].clone().requires_grad_()
        self.loss(logits=[early, full], distillation=1.0).backward()
        alone = self.LOGITS[1].clone().requires_grad_()
        functional.cross_entropy(alone, self.LABELS).backward()
        torch.testing.assert_close(full.grad, alone.grad)

    def test_policy_penalty_adds_the_expected_cost(self):
        confidence = self.LOGITS[0].softmax(1).amax(1)
        cost = (confidence * 0.25 + (1 - confidence) * 1.0).mean()
        torch.testing.assert_close(expected_cost(list(self.LOGITS), torch.tensor(self.COST)), cost)
        torch.testing.assert_close(self.loss(policy_penalty=0.1), self.loss() + 0.1 * cost)

    def test_class_weights_shift_the_mean_towards_the_heavier_class(self):
        labels = torch.tensor([0, 1])
        each = [functional.cross_entropy(x, labels, reduction="none") for x in self.LOGITS]
        expected = sum(w * (3 * e[0] + e[1]) / 4 for w, e in zip([0.5, 1], each, strict=True))
        found = self.loss(labels=labels, class_weights=[3.0, 1.0])
        torch.testing.assert_close(found, expected)
