"""Compiled difficulty: the numbers of numpy, and numpy's where there is no compiler."""

import subprocess
import sys

import numpy as np
import pytest

from dart_stream.difficulty import fit_difficulty, fit_difficulty_to_parts, kernel
from dart_stream.difficulty.compiled import compiled_kernel
from dart_stream.difficulty.parts import difficulty_parts, parts_by_numpy

SIZES = [(3, 3), (4, 3), (28, 28), (32, 32), (33, 47), (240, 320)]


def pictures(size, n=6):
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 1, (n, *size, 3)) * generator.uniform(1, 70, (n, 1, 1, 1))
    return np.clip(128 + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def without_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "dart_stream.difficulty.kernel")
    compiled_kernel.cache_clear()
    yield
    compiled_kernel.cache_clear()


def test_it_is_what_bytes_are_measured_by(monkeypatch):
    calls = []
    measure = kernel.parts_of_bytes
    monkeypatch.setattr(kernel, "parts_of_bytes", lambda x: calls.append(len(x)) or measure(x))
    difficulty_parts(pictures((8, 8)))
    assert calls == [6]


@pytest.mark.parametrize("size", SIZES)
def test_it_gives_the_numbers_of_numpy(size):
    images = pictures(size)
    compiled, expected = kernel.parts_of_bytes(images), parts_by_numpy(images)
    assert compiled.dtype == np.float32
    np.testing.assert_allclose(compiled[:, 1:], expected[:, 1:], atol=1e-6)
    # An edge more or less where a magnitude lies within rounding of the threshold.
    np.testing.assert_allclose(compiled[:, 0], expected[:, 0], atol=1e-4)


def test_scores_are_those_of_numpy_also_beyond_the_ends_and_at_knots():
    tables = fit_difficulty(pictures((12, 17), 500))
    measured = difficulty_parts(pictures((12, 17), 200))
    knots = tables.part_knots.T.astype(np.float32)
    beyond = np.array([[0, 0, 0], [1, 1, 1], [0.2, 0, 1]], np.float32)
    for parts in (measured, knots, beyond, measured[:0]):
        expected = tables.score_parts_by_numpy(parts)
        scores = kernel.scores_of_parts(parts, tables.curves, tables.weights)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, expected, atol=1e-6)
    np.testing.assert_array_equal(tables.score_parts(beyond)[:2], [0, 1])


def test_values_that_many_pictures_share_get_the_same_levels():
    parts = np.repeat(np.array([[0.1, 0.1, 0.1], [0.5, 0.5, 0.5]], np.float32), 50, axis=0)
    tables = fit_difficulty_to_parts(parts)
    np.testing.assert_allclose(tables.score_parts(parts), tables.score_parts_by_numpy(parts))


def test_pictures_need_not_lie_one_behind_the_other():
    images = pictures((32, 40))
    np.testing.assert_array_equal(
        kernel.parts_of_bytes(images[::2, :, ::-1]),
        kernel.parts_of_bytes(images[::2, :, ::-1].copy()),
    )


def test_without_numba_numpy_measures(without_numba):
    images = pictures((12, 17))
    np.testing.assert_array_equal(difficulty_parts(images), parts_by_numpy(images))


def test_nothing_is_compiled_where_nothing_is_measured():
    """Half a second of every command otherwise."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, pipeline.cli.main; print('numba' in sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "False"
