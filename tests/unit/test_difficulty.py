"""Difficulty: hand-computed parts, ranges, independence of the batch, tables."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dart_stream.difficulty import (
    EDGE_FLOOR,
    KNOTS,
    DifficultyTables,
    difficulty_parts,
    fit_difficulty,
    fit_difficulty_to_parts,
    paper_code_difficulty,
    paper_difficulty,
    paper_difficulty_of_parts,
)
from dart_stream.difficulty.parts import parts_by_numpy
from dart_stream.errors import DataError, ModelError

EDGE, VARIANCE, GRADIENT = 0, 1, 2


def random_images(n, size=(12, 17), seed=0):
    """Pictures of very different contrast, so that their parts spread."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, 1, (n, *size, 3)) * generator.uniform(1, 70, (n, 1, 1, 1))
    return np.clip(128 + noise, 0, 255).astype(np.uint8)


def step_image(low, high):
    """Left half dark, right half bright, 8x8."""
    image = np.full((1, 8, 8, 3), low, dtype=np.uint8)
    image[:, :, 4:] = high
    return image


def test_a_flat_picture_has_no_part():
    parts = difficulty_parts(np.full((2, 5, 6, 3), 77, np.uint8))
    np.testing.assert_allclose(parts, 0, atol=1e-6)


def test_a_step_has_the_parts_computed_by_hand():
    edge, variance, gradient = difficulty_parts(step_image(0, 255))[0]
    # Of 6 inner columns two see the step: Sobel 4, above the root mean square 4 / sqrt(3).
    assert edge == pytest.approx(2 / 6)
    assert variance == pytest.approx(1)
    # The same two columns have |Laplacian| 1; the range is 4.
    assert gradient == pytest.approx(2 / 6 / 4)


def test_a_checkerboard_reaches_the_top_of_the_gradient_range():
    board = np.indices((9, 9)).sum(axis=0) % 2 * 255
    image = np.repeat(board[np.newaxis, :, :, np.newaxis], 3, axis=3).astype(np.uint8)
    assert difficulty_parts(image)[0, GRADIENT] == pytest.approx(1)


def test_edge_density_follows_the_contrast_of_the_scene_down_to_the_floor():
    faint = int(255 * EDGE_FLOOR / 4) - 2  # the step's Sobel magnitude stays below the floor
    strong, weak, none = (
        difficulty_parts(step_image(100, 100 + step))[0, EDGE] for step in (120, 40, faint)
    )
    assert strong == weak > 0
    assert none == 0


def test_parts_and_scores_lie_in_the_unit_interval():
    images = random_images(300)
    images[0] = 0
    images[1] = np.random.default_rng(1).integers(0, 2, images[1].shape) * 255
    tables = fit_difficulty(images)
    for values in (
        difficulty_parts(images),
        paper_difficulty(images),
        paper_code_difficulty(images, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)),
        tables.score(images),
    ):
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1


def as_numbers(images):
    """The same pictures as planes of numbers in [0, 1]."""
    return images.transpose(0, 3, 1, 2) / np.float32(255)


def parts_by_definition(image):
    """Parts of one picture in double precision, written as DART Eq. 1-7 are."""
    colours = image.astype(np.float64) / 255
    grey = colours @ [0.299, 0.587, 0.114]
    windows = np.lib.stride_tricks.sliding_window_view(grey, (3, 3))
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    laplacian = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    squared = (windows * sobel).sum((2, 3)) ** 2 + (windows * sobel.T).sum((2, 3)) ** 2
    edges = squared > max(squared.mean() * 1.0002, EDGE_FLOOR**2)
    gradient = np.abs((windows * laplacian).sum((2, 3))).mean()
    return edges.mean(), colours.var(axis=(0, 1)).mean() * 4, gradient / 4


@pytest.mark.parametrize("size", [(3, 3), (4, 3), (28, 28), (32, 32), (33, 47), (240, 320)])
@pytest.mark.parametrize("measure", [difficulty_parts, parts_by_numpy])
def test_parts_are_those_of_the_definition_in_either_form(size, measure):
    images = random_images(6, size)
    expected = np.array([parts_by_definition(image) for image in images])
    for form in (images, as_numbers(images)):
        parts = measure(form)
        np.testing.assert_allclose(parts[:, 1:], expected[:, 1:], atol=2e-6)
        # An edge more or less where a magnitude lies within rounding of the threshold.
        np.testing.assert_allclose(parts[:, EDGE], expected[:, EDGE], atol=1e-4)


def test_the_paper_code_is_the_same_in_either_form():
    images = random_images(9)
    from_bytes, from_numbers = (
        paper_code_difficulty(form, (0.5, 0.4, 0.3), (0.2, 0.3, 0.2))
        for form in (images, as_numbers(images))
    )
    np.testing.assert_allclose(from_bytes, from_numbers, atol=1e-6)


@pytest.mark.parametrize("slope", [3, 8])
def test_rounding_makes_no_edges_of_an_even_ramp(slope):
    ramp = np.broadcast_to(np.arange(32)[:, np.newaxis] * slope, (1, 32, 32, 3)).astype(np.uint8)
    for form in (ramp, as_numbers(ramp), ramp.swapaxes(1, 2)):
        assert difficulty_parts(form)[0, EDGE] == 0


@pytest.mark.parametrize("value", [0, 77, 255])
@pytest.mark.parametrize("size", [(3, 3), (33, 47), (300, 200)])
def test_constant_pictures_have_no_parts_whatever_their_size(size, value):
    images = np.full((2, *size, 3), value, np.uint8)
    for form in (images, as_numbers(images)):
        np.testing.assert_allclose(difficulty_parts(form), 0, atol=1e-6)


def test_results_stay_when_the_next_batch_is_measured():
    images = random_images(8)
    first = difficulty_parts(images[:4])
    kept = first.copy()
    difficulty_parts(images[4:])
    np.testing.assert_array_equal(first, kept)


def test_threads_do_not_share_their_memory():
    images = random_images(200, (32, 32))
    expected = difficulty_parts(images)
    with ThreadPoolExecutor(4) as threads:
        rounds = list(threads.map(lambda _: difficulty_parts(images), range(12)))
    for parts in rounds:
        np.testing.assert_array_equal(parts, expected)


def test_alpha_of_measured_parts_is_alpha_of_the_pictures():
    images = random_images(20)
    of_parts = paper_difficulty_of_parts(difficulty_parts(images))
    np.testing.assert_array_equal(of_parts, paper_difficulty(images))


@pytest.mark.parametrize("size", [(3, 3), (12, 17), (32, 32), (5, 64)])
def test_difficulty_does_not_depend_on_the_batch_to_the_last_bit(size):
    images = random_images(67, size)
    tables = fit_difficulty(random_images(200, size, seed=1))
    for form in (images, as_numbers(images)):
        for score in (tables.score, paper_difficulty):
            together = score(form)
            one_by_one = np.concatenate([score(form[i : i + 1]) for i in range(len(form))])
            np.testing.assert_array_equal(together, one_by_one)


def test_a_batch_of_many_chunks_equals_its_pictures():
    images = random_images(5, (200, 200))
    np.testing.assert_array_equal(difficulty_parts(images)[4:], difficulty_parts(images[4:]))


def test_dart_difficulty_is_uniform_on_the_training_distribution():
    tables = fit_difficulty(random_images(4_000))
    shares, _ = np.histogram(tables.score(random_images(4_000, seed=9)), 10, (0, 1))
    np.testing.assert_allclose(shares / 4_000, 0.1, atol=0.025)


def test_pictures_outside_the_training_range_get_zero_and_one():
    generator = np.random.default_rng(3)
    tables = fit_difficulty_to_parts(generator.uniform(0.4, 0.6, (500, 3)).astype(np.float32))
    outside = np.array([[0.1, 0.1, 0.1], [0.9, 0.9, 0.9]], dtype=np.float32)
    np.testing.assert_array_equal(tables.score_parts(outside), [0, 1])


def test_a_value_shared_by_many_training_pictures_gets_the_middle_of_its_levels():
    parts = np.zeros((100, 3), dtype=np.float32)
    assert fit_difficulty_to_parts(parts).score_parts(parts[:1])[0] == pytest.approx(0.5)


def test_dart_difficulty_rises_with_every_part():
    tables = fit_difficulty(random_images(1_000))
    parts = difficulty_parts(random_images(50, seed=4))
    for j in range(3):
        busier = parts.copy()
        busier[:, j] += 0.01
        assert np.all(tables.score_parts(busier) >= tables.score_parts(parts))


def test_paper_code_saturates_where_the_other_modes_do_not():
    columns = np.indices((12, 17))[1] // 2 % 2 * 200  # two-pixel stripes of high contrast
    images = np.repeat(columns[np.newaxis, :, :, np.newaxis], 3, axis=3).astype(np.uint8)
    assert paper_code_difficulty(images, (0.5,) * 3, (0.2,) * 3) == 1
    assert paper_difficulty(images) < 0.9


def test_tables_survive_json_bit_for_bit():
    tables = fit_difficulty(random_images(400), (0.5, 0.25, 0.25))
    read = DifficultyTables.from_dict(json.loads(json.dumps(tables.to_dict())))
    images = random_images(40, seed=2)
    np.testing.assert_array_equal(read.score(images), tables.score(images))
    assert read.weights == tables.weights


def test_an_empty_batch_has_no_scores():
    tables = fit_difficulty(random_images(20))
    assert tables.score(np.empty((0, 8, 8, 3), np.uint8)).shape == (0,)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 8, 8, 3), np.float32),
        np.zeros((2, 8, 8), np.uint8),
        np.zeros((2, 8, 8, 1), np.uint8),
        np.zeros((2, 2, 8, 3), np.uint8),
        np.zeros((2, 3, 8, 2), np.float32),
        np.zeros((2, 8, 8, 3), np.int32),
    ],
)
def test_other_arrays_are_refused_with_what_came(images):
    with pytest.raises(DataError, match=r"expected uint8 .*, got (uint8|float32|int32) \(2, "):
        difficulty_parts(images)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_numbers_outside_the_unit_interval_are_refused(value):
    images = np.full((2, 3, 8, 8), 0.5, np.float32)
    images[1, 2, 3, 4] = value
    for measure in (difficulty_parts, lambda x: paper_code_difficulty(x, (0.5,) * 3, (0.2,) * 3)):
        with pytest.raises(DataError, match=r"expected float pictures in \[0, 1\], .* from .* to"):
            measure(images)


@pytest.mark.parametrize("weights", [(1, 1, 1), (0.5, 0.7, -0.2), (float("nan"), 0.5, 0.5)])
def test_weights_that_do_not_sum_to_one_are_refused(weights):
    with pytest.raises(DataError, match="three weights"):
        fit_difficulty(random_images(3), weights)


def test_fitting_nothing_is_refused():
    with pytest.raises(DataError, match="got none"):
        fit_difficulty(np.empty((0, 8, 8, 3), np.uint8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [0.5, 0.5]}, "weights: expected 3 numbers, got 2"),
        ({"variance": [0.0] * 5}, "variance: expected 256 numbers, got 5"),
        ({"sum": "x"}, "sum: expected 256 numbers, got 'x'"),
        ({"gradient": [1.0] + [0.0] * (KNOTS - 1)}, "gradient: expected 256 finite knots"),
        ({"edge_density": [float("nan")] * KNOTS}, "edge_density: expected 256 finite knots"),
        ({"weights": [1, 1, 1]}, "three weights"),
        ({"extra": 1}, "expected keys"),
    ],
)
def test_damaged_tables_are_refused_in_one_line(change, message):
    body = fit_difficulty(random_images(30)).to_dict() | change
    with pytest.raises(ModelError, match=message) as refusal:
        DifficultyTables.from_dict(body)
    assert "\n" not in str(refusal.value)


def test_tables_cannot_be_changed():
    tables = fit_difficulty(random_images(30))
    with pytest.raises(ValueError, match="read-only"):
        tables.sum_knots[0] = 0
