"""The exact search over all threshold vectors, against trying each of them."""

import itertools

import numpy as np
import pytest

from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.thresholds import quantile_grid, score_all


def one_by_one(scores, worth, costs, thresholds):
    """Mean cost and worth, by sending each picture through the exits."""
    spent, earned = [], []
    for row, value in zip(scores, worth, strict=True):
        cost = costs.estimator
        for k in range(len(row) + 1):
            cost += costs.stages[k]
            last = k == len(row)
            if last or thresholds[k] is not None:
                cost += costs.heads[k]
            if last or (thresholds[k] is not None and row[k] >= thresholds[k]):
                spent.append(cost)
                earned.append(value[k])
                break
    return np.mean(spent), np.mean(earned)


@pytest.mark.parametrize("early", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_every_vector_gets_what_trying_it_gives(early, seed):
    generator = np.random.default_rng(seed)
    # Few distinct values: ties are where bins go wrong.
    scores = generator.integers(0, 5, (17, early)).astype(float)
    worth = generator.integers(0, 2, (17, early + 1)).astype(float)
    costs = Costs(
        stages=generator.random(early + 1).tolist(),
        heads=generator.random(early + 1).tolist(),
        estimator=0.1,
    )
    grid = quantile_grid(scores, levels=3)
    outcomes = score_all(grid, [worth, 1 - worth], costs)
    assert outcomes.cost.shape == grid.shape
    for indices in itertools.product(*map(range, grid.shape)):
        cost, value = one_by_one(scores, worth, costs, grid.thresholds(indices))
        assert outcomes.cost[indices] == pytest.approx(cost)
        assert outcomes.value[0][indices] == pytest.approx(value)
        assert outcomes.value[1][indices] == pytest.approx(1 - value)


def test_with_a_level_for_every_picture_a_cut_lies_below_every_score():
    scores = np.array([[3.0, 1.0], [1.0, 1.0], [2.0, 5.0]])
    grid = quantile_grid(scores, levels=3)
    assert [cut.tolist() for cut in grid.cuts] == [[0.999, 1.5, 2.5], [0.999, 3]]
    assert grid.thresholds((1, 2)) == [1.5, None]


@pytest.mark.parametrize("shape", [(0, 2), (4, 0), (4, 6)])
def test_tables_that_cannot_be_searched_are_refused(shape):
    with pytest.raises(DataError, match="1 to 5 early exits"):
        quantile_grid(np.zeros(shape))
