"""Difficulty of tensors against the numpy one."""

import numpy as np
import pytest
import torch

from dart_stream import difficulty, torch_difficulty
from dart_stream.errors import DataError

SIZES = [(3, 3), (4, 7), (28, 28), (32, 32), (33, 47)]
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.2)


def random_images(n, size, seed=0):
    """Pictures of very different contrast, so that their parts spread."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, 1, (n, *size, 3)) * generator.uniform(1, 70, (n, 1, 1, 1))
    return np.clip(128 + noise, 0, 255).astype(np.uint8)


def forms(images):
    """Interleaved bytes, planes of numbers, and the latter with another layout in memory."""
    planes = images.transpose(0, 3, 1, 2) / np.float32(255)
    channels_last = torch.from_numpy(planes).to(memory_format=torch.channels_last)
    return (
        (images, torch.from_numpy(images)),
        (planes, torch.from_numpy(planes)),
        (planes, channels_last),
    )


@pytest.mark.parametrize("size", SIZES)
def test_parts_equal_those_of_numpy_within_rounding(size):
    for array, tensor in forms(random_images(20, size)):
        expected = difficulty.difficulty_parts(array)
        parts = torch_difficulty.difficulty_parts(tensor)
        assert parts.dtype == torch.float32
        np.testing.assert_allclose(parts.numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("size", SIZES)
def test_every_mode_equals_that_of_numpy_within_rounding(size):
    tables = difficulty.fit_difficulty(random_images(400, size, seed=1))
    dart = torch_difficulty.DartDifficulty(tables)
    for array, tensor in forms(random_images(20, size)):
        for found, expected in (
            (torch_difficulty.paper_difficulty(tensor), difficulty.paper_difficulty(array)),
            (
                torch_difficulty.paper_code_difficulty(tensor, MEAN, STD),
                difficulty.paper_code_difficulty(array, MEAN, STD),
            ),
            (dart.score(tensor), tables.score(array)),
        ):
            assert found.dtype == torch.float32
            np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("value", [0, 77, 255])
def test_constant_pictures_have_no_parts(value):
    for _, tensor in forms(np.full((2, 33, 47, 3), value, np.uint8)):
        np.testing.assert_allclose(torch_difficulty.difficulty_parts(tensor), 0, atol=1e-6)


@pytest.mark.parametrize("slope", [3, 8])
def test_rounding_makes_no_edges_of_an_even_ramp(slope):
    ramp = np.tile((np.arange(32) * slope).astype(np.uint8)[:, None, None], (1, 1, 32, 3))
    for _, tensor in forms(ramp):
        assert torch_difficulty.difficulty_parts(tensor)[0, 0] == 0


def test_scores_of_any_parts_equal_those_of_numpy_also_at_and_beyond_the_knots():
    generator = np.random.default_rng(0)
    parts = generator.uniform(0.2, 0.8, (300, 3)).astype(np.float32)
    parts[:40, 1] = parts[0, 1]  # a value that many share
    tables = difficulty.fit_difficulty_to_parts(parts)
    asked = np.concatenate([parts, [[0, 0, 0], [1, 1, 1]], parts.min(0)[None], parts.max(0)[None]])
    asked = asked.astype(np.float32)
    scores = torch_difficulty.DartDifficulty(tables).score_parts(torch.from_numpy(asked))
    np.testing.assert_allclose(scores.numpy(), tables.score_parts(asked), atol=1e-5)
    assert scores[300:302].tolist() == [0, 1]


def test_tables_with_a_single_value_score_it_in_the_middle():
    parts = np.zeros((10, 3), np.float32)
    tables = difficulty.fit_difficulty_to_parts(parts)
    scores = torch_difficulty.DartDifficulty(tables).score_parts(torch.from_numpy(parts[:1]))
    assert scores[0] == pytest.approx(0.5)


def test_an_empty_batch_has_no_parts():
    assert torch_difficulty.difficulty_parts(torch.empty(0, 3, 8, 8)).shape == (0, 3)


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 8, 8, 3),
        torch.zeros(2, 8, 8, dtype=torch.uint8),
        torch.zeros(2, 2, 8, 3, dtype=torch.uint8),
        torch.zeros(2, 8, 8, 3, dtype=torch.int32),
    ],
)
def test_other_tensors_are_refused_with_what_came(images):
    with pytest.raises(DataError, match=r"expected uint8 .*, got torch\.\w+ \(2, "):
        torch_difficulty.difficulty_parts(images)


def test_weights_that_do_not_sum_to_one_are_refused():
    with pytest.raises(DataError, match="three weights"):
        torch_difficulty.paper_difficulty(torch.zeros(1, 3, 4, 4), (1, 1, 1))
