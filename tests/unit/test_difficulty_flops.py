"""Operations of the difficulty estimator, counted while it runs."""

import math

import numpy as np
import pytest

from dart_stream.difficulty import estimator_flops, workspace
from dart_stream.difficulty.parts import _workspaces, parts_by_numpy

MAX_FLOPS = 78_900  # that the paper's authors state for a 32x32 picture
ARITHMETIC_FREE = {"copyto"}  # moves and converts


class Counted(np.ndarray):
    """An array that counts the operations of everything it takes part in."""

    flops = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [np.asarray(value) for value in inputs]
        if out is not None:
            options["out"] = tuple(np.asarray(each) for each in out)
        result = getattr(ufunc, method)(*plain, **options)
        Counted.flops += operations(ufunc, method, plain, result)
        return np.asarray(result).view(Counted)

    def __array_function__(self, function, types, args, kwargs):
        assert function.__name__ in ARITHMETIC_FREE, f"{function.__name__} is not counted"
        return super().__array_function__(function, types, args, kwargs)


def operations(ufunc, method, inputs, result):
    """A multiply-add is two; a sum of n numbers is n."""
    if ufunc in (np.matmul, np.vecdot):
        return 2 * np.size(result) * inputs[0].shape[-1]
    if method == "reduce":
        return np.size(inputs[0])
    assert method == "__call__"
    return np.size(result)


def counted_flops(images, monkeypatch):
    monkeypatch.setattr(
        workspace, "allocate", lambda size: np.zeros(size, np.float32).view(Counted)
    )
    _workspaces.__init__()  # forget memory that does not count
    Counted.flops = 0
    parts = parts_by_numpy(images)
    counted = Counted.flops
    monkeypatch.undo()
    _workspaces.__init__()
    np.testing.assert_array_equal(parts, parts_by_numpy(images))
    return counted


@pytest.mark.parametrize("size", [(32, 32), (28, 28), (64, 48)])
def test_the_stated_cost_is_what_one_picture_takes(size, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    counted = counted_flops(images, monkeypatch)
    assert counted == pytest.approx(estimator_flops(*size), rel=0.03)


def test_a_small_picture_costs_less_than_the_paper_s_estimator(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    assert counted_flops(images, monkeypatch) <= MAX_FLOPS
    assert counted_flops(images.transpose(0, 3, 1, 2) / np.float32(255), monkeypatch) <= MAX_FLOPS


def test_the_counter_counts():
    Counted.flops = 0
    a = np.ones((2, 5), np.float32).view(Counted)
    a += 1
    np.square(a, out=a)
    assert Counted.flops == 20
    np.matmul(a, np.ones(5, np.float32))
    assert Counted.flops == 20 + 2 * 2 * 5
    a.sum()
    assert Counted.flops == 20 + 2 * 2 * 5 + 10
    assert math.isclose(float(a[0, 0]), 4)
