"""A network that learns from another one's answers beside the labels."""

import pytest
import torch

from dart_stream.data.augment import Normalisation
from dart_stream.errors import ModelError
from dart_stream.models import create_model
from dart_stream.training import LabelledImages, Recipe, Teacher, Teachers, Trainer
from dart_stream.training.batches import Targets
from dart_stream.training.losses import JointLoss

NORMALISE = Normalisation((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
RECIPE = Recipe(
    model={"stem": (4, 4), "stages": ((4,), (4,)), "strides": (1, 2), "heads": (), "grids": (1, 1)},
    input_size=(8, 8),
    epochs=2,
    batch_size=6,
    precision="fp32",
)


def network(seed):
    torch.manual_seed(seed)
    return create_model("dartnet", num_classes=3, input_size=(8, 8), **RECIPE.model)


def teacher(seed=1, normalise=NORMALISE):
    return Teacher(network(seed), normalise, "wise")


def pictures(seed, count=24):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 8, 8, 3), dtype=torch.uint8, generator=generator)
    return LabelledImages(images, torch.arange(count) % 3)


def trainer(directory, **options):
    return Trainer(network(0), RECIPE, pictures(1), pictures(2, 12), directory, **options)


def test_a_teacher_answers_as_at_its_own_full_depth_whatever_the_student_normalises_by():
    images = pictures(0).images
    expected = network(1).eval()(NORMALISE(images))[-1]
    student = Normalisation((0.1, 0.2, 0.3), (1.0, 0.5, 0.25))
    for normalise in (NORMALISE, student):
        answered = teacher()(normalise(images), normalise)
        assert torch.allclose(answered, expected, atol=1e-4)
        assert not answered.requires_grad


def test_a_teacher_in_bf16_answers_nearly_the_same_also_inside_autocast():
    images = NORMALISE(pictures(0).images)
    expected = teacher()(images, NORMALISE)
    rough = Teacher(network(1), NORMALISE, "wise", "bf16")
    with torch.autocast("cpu", torch.bfloat16):
        answered = rough(images, NORMALISE)
    assert answered.dtype == torch.float32
    assert torch.allclose(answered, expected, atol=0.05 * float(expected.abs().max()))
    assert not torch.equal(answered, expected)


def test_a_teacher_leaves_the_network_as_it_was():
    pupil = network(1).train()
    before = {name: value.clone() for name, value in pupil.state_dict().items()}
    Teacher(pupil, NORMALISE, "wise", "bf16")
    assert pupil.training
    assert all(torch.equal(before[name], value) for name, value in pupil.state_dict().items())
    assert all(value.requires_grad for value in pupil.parameters())


def test_several_teachers_say_their_mean_whatever_their_order():
    images = NORMALISE(pictures(0).images)
    one, other = teacher(1), teacher(2)
    said = Teachers([one, other])(images, NORMALISE)
    expected = (one(images, NORMALISE) + other(images, NORMALISE)) / 2
    assert torch.allclose(said, expected, atol=1e-6)
    assert Teachers([one, other]).fingerprint() == Teachers([other, one]).fingerprint()
    assert Teachers([one, other]).fingerprint() != Teachers([one]).fingerprint()
    assert Teachers([one]).fingerprint() == one.fingerprint()
    with pytest.raises(ValueError, match="at least one teacher"):
        Teachers([])


def test_the_last_exit_is_drawn_to_the_teacher():
    recipe = Recipe(teacher_share=1.0, distillation=0.0, label_smoothing=0.0)
    loss = JointLoss(recipe, (0.5, 1.0))
    targets = Targets(torch.tensor([0, 1]))
    taught = torch.tensor([[0.0, 3.0], [3.0, 0.0]])  # the opposite of the labels
    early = torch.zeros(2, 2)
    agreeing = loss([early, taught.clone()], targets, 0, taught)
    labelled = loss([early, -taught], targets, 0, taught)
    assert agreeing < labelled
    assert loss([early, -taught], targets, 0) < loss([early, taught], targets, 0)


def test_training_with_a_teacher_is_another_one_and_resumes_only_with_it(tmp_path):
    alone, taught = trainer(tmp_path / "a"), trainer(tmp_path / "b", teacher=teacher())
    alone.run()
    taught.run()
    different = [
        not torch.equal(a, b)
        for a, b in zip(alone.network.parameters(), taught.network.parameters(), strict=True)
    ]
    assert any(different)
    assert trainer(tmp_path / "b", teacher=teacher()).steps_done == taught.steps_done
    for other in ({}, {"teacher": teacher(seed=2)}):
        with pytest.raises(ModelError, match="holds a training with another"):
            trainer(tmp_path / "b", **other)
