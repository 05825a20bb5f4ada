"""Recipe, losses, schedule, and a training that survives being killed."""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from coloured_pictures import coloured

from dart_stream.errors import DataError, ModelError
from dart_stream.models import create_model
from dart_stream.training import (
    EpochRecord,
    LabelledImages,
    Recipe,
    StepProgress,
    Trainer,
    load_recipe,
    loop,
)
from dart_stream.training.schedule import exit_weights_at, rate_factor

CONFIG = {"stages": [[4], [8]], "strides": [1, 2], "stem": [4], "stem_strides": [2], "heads": []}
RECIPE = Recipe(
    model=CONFIG, input_size=(8, 8), epochs=3, batch_size=8, shift=1, cutout=2, learning_rate=0.05
)


@pytest.fixture(autouse=True)
def no_picture(monkeypatch):
    """Drawing takes longer than these trainings; `test_training_curves` does it."""
    monkeypatch.setattr(loop, "draw_curves", lambda directory, history: True)


def make_trainer(directory, recipe=RECIPE, **options):
    torch.manual_seed(recipe.seed)
    network = create_model("dartnet", num_classes=3, input_size=(8, 8), **recipe.model)
    return Trainer(
        network, recipe, coloured(24, seed=1), coloured(12, seed=2), directory, **options
    )


def run_to_the_end(trainer):
    events = []
    trainer.run(events.append)
    steps = [event for event in events if isinstance(event, StepProgress)]
    return steps, [event for event in events if isinstance(event, EpochRecord)]


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


def logged_losses(directory):
    lines = [json.loads(line) for line in (directory / "steps.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    return [line["loss"] for line in lines]


MUON = msgspec.structs.replace(
    RECIPE, optimizer="muon", backbone_epochs=1, joint_cycle=0.5, mirror="alternating"
)

CHILD = """
import os, signal, sys
from pathlib import Path
import torch
from dart_stream.training import checkpoint

sys.path[:0] = sys.argv[1], str(Path(sys.argv[1]).parent)
from test_training import MUON, make_trainer

write = torch.save

def save_half(state, file):
    # Steps 1 to 3 and the end of epoch 1 are saved; the save of step 4 is cut off.
    save_half.calls += 1
    write(state, file)
    if save_half.calls == 5:
        file.truncate(file.tell() // 2)
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

save_half.calls = 0
torch.save = save_half
make_trainer(Path(sys.argv[2]), MUON, checkpoint_every_s=0).run()
"""


class TestResuming:
    @pytest.mark.torch_process
    def test_process_killed_while_it_writes_a_checkpoint_loses_nothing(self, tmp_path):
        whole = make_trainer(tmp_path / "whole", MUON)
        expected = whole.run().state_dict()

        words = [sys.executable, "-c", CHILD, Path(__file__).parent, tmp_path / "parts"]
        threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
        killed = subprocess.run(words, env=os.environ | threads, timeout=50, check=False)
        assert killed.returncode == -signal.SIGKILL
        resumed = make_trainer(tmp_path / "parts", MUON)
        assert resumed.steps_done == 3
        found = resumed.run().state_dict()

        assert logged_losses(tmp_path / "parts") == logged_losses(tmp_path / "whole")
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    @pytest.mark.parametrize("recipe", [RECIPE, MUON], ids=["sgd", "muon"])
    @pytest.mark.parametrize("every_s", [0, 3600], ids=["every step", "epochs only"])
    def test_killed_run_repeats_the_losses_of_an_uninterrupted_one(self, tmp_path, recipe, every_s):
        steps, _ = run_to_the_end(make_trainer(tmp_path / "whole", recipe))
        expected = [step.loss for step in steps]

        first = make_trainer(tmp_path / "parts", recipe, checkpoint_every_s=every_s)
        before = run_and_be_killed(first, after_steps=5)
        resumed = make_trainer(tmp_path / "parts", recipe)
        done = 4 if every_s == 0 else 3
        assert resumed.steps_done == done
        after, _ = run_to_the_end(resumed)

        assert before == expected[:5]
        assert [step.loss for step in after] == expected[done:]
        assert logged_losses(tmp_path / "parts") == expected

    def test_steps_are_logged_before_a_kill_can_take_them(self, tmp_path):
        losses = run_and_be_killed(make_trainer(tmp_path), after_steps=5)
        assert logged_losses(tmp_path) == losses

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

    def test_checkpoint_of_other_beginnings_is_refused(self, tmp_path):
        run_and_be_killed(make_trainer(tmp_path, started_from=["a"]), after_steps=5)
        with pytest.raises(ModelError, match="another recipe, model or data"):
            make_trainer(tmp_path, started_from=["b"])
        assert len(make_trainer(tmp_path, started_from=["a"]).history) == 1

    def test_checkpoint_of_the_same_pictures_in_other_classes_is_refused(self, tmp_path):
        trainer = make_trainer(tmp_path)
        run_and_be_killed(trainer, after_steps=5)
        part = trainer.train_part
        moved = LabelledImages(part.images, part.labels.roll(1))
        with pytest.raises(ModelError, match="another recipe, model or data"):
            Trainer(trainer.network, RECIPE, moved, trainer.validation_part, tmp_path)

    @pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04N.", b"PK\x03\x04 cut"])
    def test_damaged_checkpoint_is_refused(self, tmp_path, content):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(ModelError, match="training checkpoint"):
            make_trainer(tmp_path)

    def test_checkpoint_cannot_run_code(self, tmp_path):
        torch.save({"identity": run_and_be_killed}, tmp_path / "checkpoint.pt")
        with pytest.raises(ModelError, match="expected a training checkpoint"):
            make_trainer(tmp_path)


def test_end_of_the_run_says_where_the_curves_are(tmp_path):
    events = []
    make_trainer(tmp_path).run(events.append)
    assert events[-1].text == f"curves: {tmp_path / 'curves.png'}"
    assert json.loads((tmp_path / "curves.json").read_text())["epoch"] == [1, 2, 3]


def test_end_of_the_run_says_how_to_get_curves_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "draw_curves", lambda directory, history: False)
    events = []
    make_trainer(tmp_path).run(events.append)
    assert "pip install 'dart-stream[report]'" in events[-1].text


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


class TestSchedule:
    def test_learning_rate_rises_to_its_peak_and_falls_to_zero(self):
        recipe = Recipe(epochs=20, warmup=0.1)
        rates = [rate_factor(step, 3, recipe) for step in range(60)]
        assert rates.index(max(rates)) == 5
        assert max(rates) == pytest.approx(1)
        assert rates[:6] == sorted(rates[:6])
        assert rates[5:] == sorted(rates[5:], reverse=True)
        assert rates[-1] == pytest.approx(0, abs=1e-9)

    def test_joint_phase_may_have_a_cycle_of_its_own(self):
        recipe = Recipe(epochs=20, warmup=0.1, backbone_epochs=15, joint_cycle=0.3)
        rates = [rate_factor(step, 10, recipe) for step in range(200)]
        assert max(rates[:150]) == pytest.approx(1)
        assert rates[149] == pytest.approx(0, abs=1e-9)
        assert max(rates[150:]) == pytest.approx(0.3)
        assert rates[-1] == pytest.approx(0, abs=1e-9)

    def test_without_a_second_cycle_the_phases_share_one(self):
        alone = [rate_factor(step, 10, Recipe(epochs=20)) for step in range(200)]
        recipe = Recipe(epochs=20, backbone_epochs=15)
        assert [rate_factor(step, 10, recipe) for step in range(200)] == alone

    def test_backbone_comes_first_then_all_exits(self):
        recipe = Recipe(epochs=3, backbone_epochs=2)
        weights = [exit_weights_at(epoch, [0.5, 1.0], recipe) for epoch in range(3)]
        assert weights == [[0, 1.0], [0, 1.0], [0.5, 1.0]]

    def test_early_heads_may_be_prepared_with_a_small_weight(self):
        recipe = Recipe(epochs=3, backbone_epochs=2, backbone_exit_weight=0.1)
        assert exit_weights_at(0, [0.5, 1.0], recipe) == [0.05, 1.0]


class TestPhases:
    def heads_after(self, directory, **settings):
        recipe = msgspec.structs.replace(RECIPE, epochs=1, backbone_epochs=1, **settings)
        trainer = make_trainer(directory, recipe)
        before = [head.linear.weight.clone() for head in trainer.network.heads]
        trainer.run()
        return [
            torch.equal(old, head.linear.weight)
            for old, head in zip(before, trainer.network.heads, strict=True)
        ]

    @pytest.mark.parametrize("optimizer", ["sgd", "muon"])
    def test_backbone_phase_leaves_the_early_heads_alone(self, tmp_path, optimizer):
        assert self.heads_after(tmp_path, optimizer=optimizer) == [True, False]

    def test_exit_aware_pretraining_moves_them(self, tmp_path):
        assert self.heads_after(tmp_path, backbone_exit_weight=0.1) == [False, False]


class TestMuon:
    def test_a_kernel_takes_the_step_of_its_matrix(self, tmp_path):
        trainer = make_trainer(tmp_path, MUON)
        kernel = trainer.network.stages[1][0].weight
        matrix = torch.nn.Parameter(kernel.detach().flatten(1).clone())
        images, targets = trainer._batches(0)
        trainer._loss(trainer.network(images), targets, 1).backward()
        matrix.grad = kernel.grad.flatten(1)
        rates = {"lr": MUON.muon_learning_rate, "weight_decay": MUON.muon_weight_decay}
        torch.optim.Muon([matrix], momentum=MUON.muon_momentum, **rates).step()
        before = kernel.detach().flatten(1).clone()
        trainer._optimizers.step()
        step = kernel.detach().flatten(1) - before
        assert float(step.norm()) > 0.5 * MUON.muon_learning_rate
        # bf16 inside, and another order of columns.
        torch.testing.assert_close(step, matrix.detach() - before, atol=1e-3, rtol=0.05)

    def test_heads_and_vectors_are_left_to_sgd(self, tmp_path):
        trainer = make_trainer(tmp_path, MUON)
        ours = {
            id(p) for group in trainer._optimizers._all[0].param_groups for p in group["params"]
        }
        left = {name for name, p in trainer.network.named_parameters() if id(p) in ours}
        assert "heads.0.linear.weight" in left
        assert "stages.0.1.weight" in left
        kernels = {name for name, p in trainer.network.named_parameters() if p.ndim == 4}
        assert kernels
        assert not kernels & left

    def test_torch_without_muon_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.delattr(torch.optim, "Muon")
        with pytest.raises(ModelError, match=r"needs torch 2\.9.*choose sgd"):
            make_trainer(tmp_path, MUON)


class TestRecipe:
    def read(self, tmp_path, text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return load_recipe(path)

    def test_mirror_may_be_a_word_or_a_switch(self, tmp_path):
        assert self.read(tmp_path, "mirror: alternating").mirror == "alternating"
        assert self.read(tmp_path, "mirror: false").mirror is False

    def test_numbers_may_be_written_as_json_writes_them(self, tmp_path):
        text = f"weight_decay: {json.dumps(5e-5)}\nlearning_rate: 1e-1"
        assert self.read(tmp_path, text) == Recipe(weight_decay=5e-5, learning_rate=0.1)

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
            ("optimizer: adam", "Invalid enum value 'adam'"),
            ("mirror: sometimes", "Invalid enum value 'sometimes'"),
            ("{epochs: 3, backbone_epochs: 4}", "backbone_epochs within the 3 epochs, got 4"),
            ("exit_weights: [1.0, 0.0]", "last exit weight above 0"),
            ("exit_weights: [-1.0, 1.0]", r">= 0.*\$\.exit_weights"),
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
