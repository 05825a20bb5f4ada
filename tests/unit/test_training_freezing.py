"""A training that leaves some weights as they are."""

import msgspec
import pytest
import torch
from coloured_pictures import coloured

from dart_stream.errors import ModelError
from dart_stream.models import create_model
from dart_stream.training import Recipe, Trainer, loop

RECIPE = Recipe(
    model={"stem": (4, 4), "stages": ((4,), (8,)), "strides": (1, 2), "heads": (), "grids": (1, 1)},
    input_size=(8, 8),
    epochs=1,
    batch_size=8,
    learning_rate=0.05,
    frozen=["stages.0.*", "heads.0.linear.bias"],
)


@pytest.fixture(autouse=True)
def no_picture(monkeypatch):
    """Drawing takes longer than these trainings."""
    monkeypatch.setattr(loop, "draw_curves", lambda directory, history: True)


def make_trainer(directory, **changes):
    recipe = msgspec.structs.replace(RECIPE, **changes)
    torch.manual_seed(0)
    network = create_model("dartnet", num_classes=3, input_size=(8, 8), **recipe.model)
    return Trainer(network, recipe, coloured(24, seed=1), coloured(12, seed=2), directory)


def weights(network):
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_frozen_weights_stay_and_all_others_learn(tmp_path, optimizer):
    trainer = make_trainer(tmp_path, optimizer=optimizer)
    before = weights(trainer.network)
    after = weights(trainer.run())
    stayed = {name for name in before if torch.allclose(before[name], after[name], atol=1e-6)}
    expected = {name for name in before if name.startswith("stages.0.")} | {"heads.0.linear.bias"}
    assert stayed == expected


def test_kernels_of_the_stages_may_learn_alone(tmp_path):
    frozen = ["heads.*", "*.bias", "stages.0.[148].weight", "stages.1.1.weight"]
    trainer = make_trainer(tmp_path, optimizer="muon", frozen=frozen)
    left = [weight.ndim for weight in trainer.network.parameters() if weight.requires_grad]
    assert set(left) == {4}
    before = weights(trainer.network)
    after = weights(trainer.run())
    assert not torch.equal(before["stages.1.0.weight"], after["stages.1.0.weight"])


def test_another_choice_is_another_training(tmp_path):
    make_trainer(tmp_path).run()
    with pytest.raises(ModelError, match="another recipe"):
        make_trainer(tmp_path, frozen=[])


@pytest.mark.parametrize(
    ("patterns", "reason"),
    [
        (["stages.0.*", "stages.7.*"], r"got 'stages\.7\.\*', which none of \d+ matches"),
        (["*"], r"some weights left to train, got \['\*'\]"),
    ],
)
def test_patterns_that_leave_nothing_to_do_are_refused(tmp_path, patterns, reason):
    with pytest.raises(ModelError, match=reason):
        make_trainer(tmp_path, frozen=patterns)
