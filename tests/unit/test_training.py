"""Recipe, losses, schedule, and a training that survives being killed."""

import itertools
import json

import numpy as np
import pytest
import torch
from torch.nn import functional

from dart_stream.errors import DataError, ModelError
from dart_stream.models import create_model
from dart_stream.training import (
    EpochRecord,
    LabelledImages,
    Recipe,
    StepProgress,
    Trainer,
    load_recipe,
)
from dart_stream.training.loop import learning_rate
from dart_stream.training.losses import (
    distillation_loss,
    exit_weights,
    expected_cost,
    joint_loss,
)

CONFIG = {"widths": [4, 8], "blocks": [1, 1], "strides": [1, 2], "first_inner": 4}
RECIPE = Recipe(
    model=CONFIG, input_size=(8, 8), epochs=3, batch_size=8, shift=1, cutout=2, learning_rate=0.05
)


def coloured(count, seed):
    """Pictures whose class is their brightest channel, which a tiny network can learn."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 100, (count, 8, 8, 3), dtype=np.uint8)
    labels = generator.integers(0, 3, count)
    images[np.arange(count), :, :, labels] += 120
    return LabelledImages(torch.from_numpy(images), torch.from_numpy(labels))


def make_trainer(directory, recipe=RECIPE):
    torch.manual_seed(recipe.seed)
    network = create_model("dartnet", num_classes=3, input_size=(8, 8), **recipe.model)
    return Trainer(network, recipe, coloured(24, seed=1), coloured(12, seed=2), directory)


def run_to_the_end(trainer):
    steps, epochs = [], []
    trainer.run(lambda event: (steps if isinstance(event, StepProgress) else epochs).append(event))
    return steps, epochs


class Killed(BaseException):
    """Stands for a signal in the middle of a step."""


def run_and_be_killed(trainer, *, after_steps):
    count = itertools.count(1)
    losses = []

    def on_progress(event):
        if isinstance(event, StepProgress):
            losses.append(event.loss)
            if next(count) == after_steps:
                raise Killed

    with pytest.raises(Killed):
        trainer.run(on_progress)
    return losses


class TestResuming:
    def test_killed_run_repeats_the_losses_of_an_uninterrupted_one(self, tmp_path):
        steps, _ = run_to_the_end(make_trainer(tmp_path / "whole"))
        expected = [step.loss for step in steps]

        before = run_and_be_killed(make_trainer(tmp_path / "parts"), after_steps=5)
        resumed = make_trainer(tmp_path / "parts")
        assert len(resumed.history) == 1
        after, _ = run_to_the_end(resumed)

        assert before == expected[:5]
        assert [step.loss for step in after] == expected[3:]

    def test_killed_run_ends_with_the_same_weights_and_log(self, tmp_path):
        whole = make_trainer(tmp_path / "whole")
        expected = whole.run().state_dict()
        run_and_be_killed(make_trainer(tmp_path / "parts"), after_steps=7)
        resumed = make_trainer(tmp_path / "parts")
        found = resumed.run().state_dict()
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        for ours, theirs in zip(resumed.history, whole.history, strict=True):
            assert (ours.epoch, ours.loss, ours.accuracy) == (
                theirs.epoch,
                theirs.loss,
                theirs.accuracy,
            )

    def test_log_holds_every_epoch_once(self, tmp_path):
        run_and_be_killed(make_trainer(tmp_path), after_steps=5)
        trainer = make_trainer(tmp_path)
        trainer.run()
        lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
        assert [line["epoch"] for line in lines] == [1, 2, 3]
        assert EpochRecord(**lines[-1]) == trainer.history[-1]

    def test_finished_training_is_not_repeated(self, tmp_path):
        make_trainer(tmp_path).run()
        steps, epochs = run_to_the_end(make_trainer(tmp_path))
        assert steps == []
        assert epochs == []

    def test_half_written_checkpoint_does_not_replace_the_last_one(self, tmp_path):
        run_and_be_killed(make_trainer(tmp_path), after_steps=5)
        (tmp_path / "checkpoint.new").write_bytes(b"cut off by a kill")
        assert len(make_trainer(tmp_path).history) == 1

    def test_checkpoint_of_another_recipe_is_refused(self, tmp_path):
        run_and_be_killed(make_trainer(tmp_path), after_steps=5)
        other = Recipe(model=CONFIG, input_size=(8, 8), epochs=9, batch_size=8)
        with pytest.raises(ModelError, match="another recipe, model or data"):
            make_trainer(tmp_path, other)

    @pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04N.", b"PK\x03\x04 cut"])
    def test_damaged_checkpoint_is_refused(self, tmp_path, content):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(ModelError, match="training checkpoint"):
            make_trainer(tmp_path)

    def test_checkpoint_cannot_run_code(self, tmp_path):
        torch.save({"identity": run_and_be_killed}, tmp_path / "checkpoint.pt")
        with pytest.raises(ModelError, match="expected a training checkpoint"):
            make_trainer(tmp_path)


def test_training_learns_colours(tmp_path):
    recipe = Recipe(
        model=CONFIG, input_size=(8, 8), epochs=12, batch_size=8, shift=1, cutout=0, ema_decay=0.8
    )
    trainer = make_trainer(tmp_path, recipe)
    trainer.run()
    assert trainer.history[-1].loss < trainer.history[0].loss
    assert trainer.history[-1].accuracy[-1] >= 0.9


def test_diverging_training_ends_with_a_reason(tmp_path):
    recipe = Recipe(
        model=CONFIG, input_size=(8, 8), epochs=3, batch_size=8, learning_rate=1e38, warmup=0.0
    )
    with pytest.raises(ModelError, match=r"diverged in epoch 1.*lower learning_rate"):
        make_trainer(tmp_path, recipe).run()


def test_learning_rate_rises_to_its_peak_and_falls_to_zero(tmp_path):
    recipe = Recipe(model=CONFIG, input_size=(8, 8), epochs=20, batch_size=8, warmup=0.1)
    trainer = make_trainer(tmp_path, recipe)
    rates = [learning_rate(step, trainer) for step in range(60)]
    assert rates.index(max(rates)) == 5
    assert max(rates) == pytest.approx(recipe.learning_rate)
    assert rates[:6] == sorted(rates[:6])
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


class TestLosses:
    LOGITS = (torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    LABELS = torch.tensor([0, 0])
    COST = torch.tensor([0.25, 1.0])

    def loss(self, **settings):
        plain = {"label_smoothing": 0.0, "distillation": 0.0}
        return joint_loss(list(self.LOGITS), self.LABELS, self.COST, Recipe(**plain | settings))

    def test_deeper_exits_weigh_more(self):
        assert exit_weights(4) == [0.25, 0.5, 0.75, 1.0]

    def test_without_extras_it_is_the_weighted_cross_entropy(self):
        early, full = (functional.cross_entropy(each, self.LABELS) for each in self.LOGITS)
        torch.testing.assert_close(self.loss(), 0.5 * early + full)

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
        recipe = Recipe(label_smoothing=0.0, distillation=1.0)
        joint_loss([early, full], self.LABELS, self.COST, recipe).backward()
        alone = self.LOGITS[1].clone().requires_grad_()
        functional.cross_entropy(alone, self.LABELS).backward()
        torch.testing.assert_close(full.grad, alone.grad)

    def test_policy_penalty_adds_the_expected_cost(self):
        confidence = self.LOGITS[0].softmax(1).amax(1)
        cost = (confidence * 0.25 + (1 - confidence) * 1.0).mean()
        torch.testing.assert_close(expected_cost(list(self.LOGITS), self.COST), cost)
        torch.testing.assert_close(self.loss(policy_penalty=0.1), self.loss() + 0.1 * cost)


class TestRecipe:
    def read(self, tmp_path, text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return load_recipe(path)

    def test_fields_that_are_not_named_keep_their_defaults(self, tmp_path):
        assert self.read(tmp_path, "epochs: 7\n") == Recipe(epochs=7)
        assert self.read(tmp_path, "") == Recipe()

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("epoch: 7", "unknown field `epoch`"),
            ("epochs: 0", r">= 1.*\$\.epochs"),
            ("epochs: many", "Expected `int`, got `str`"),
            ("precision: fp8", "Invalid enum value 'fp8'"),
            ("warmup: 1.5", r"\$\.warmup"),
            ("model: {num_classes: 3}", "expected no num_classes inside `model`"),
            ("model: {input_size: [8, 8]}", "expected no input_size inside `model`"),
            ("epochs: [", "expected a training recipe in YAML"),
            ("- epochs", "Expected `object`, got `array`"),
        ],
    )
    def test_wrong_recipes_are_refused(self, tmp_path, text, reason):
        with pytest.raises(DataError, match=reason):
            self.read(tmp_path, text)

    def test_missing_recipe_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="expected a training recipe"):
            load_recipe(tmp_path / "absent.yaml")
