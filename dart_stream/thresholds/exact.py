"""Every vector of thresholds on a grid at once: its cost, its accuracy, its disagreement.

Reference: DART Eq. 10, whose pi_i, A_i and C_i are sums over the pictures of a table; here those
sums are taken for all vectors in one pass, so that the best vector on the grid is found by looking
rather than by searching.

Differs from the paper: thresholds are optimised together and not one exit after another, and the
head of a disabled exit costs nothing, because the engine does not run it.

A picture reaches exit k if its score stayed below every threshold before, and leaves there if its
score reaches that one's. With scores counted in bins, "below" and "reaches" are sums over a box of
a joint histogram, and cumulative sums along each axis give the sums over all boxes. Sums become
means at the very end: numbers of pictures are exact, so that vectors of equal worth compare equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.thresholds.grid import Grid

Floats = NDArray[np.float64]
Bins = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class GridOutcomes:
    """What each vector of thresholds does to the pictures of a table.

    Entry [t_1, ..., t_K] belongs to the t_k-th cut at exit k; the last entry of an axis disables
    that exit.

    Attributes:
        cost: mean of a picture, in the unit of the costs.
        value: mean over pictures of what the answer given is worth, one array a kind of worth.
    """

    cost: Floats
    value: tuple[Floats, ...]


def score_all(grid: Grid, worth: Sequence[Floats], costs: Costs) -> GridOutcomes:
    """Sum cost and worth of all vectors of thresholds.

    Args:
        grid: bins of every picture at each of K early exits.
        worth: each [N, K + 1]: what a picture's answer at an exit is worth, such as 1 if it is
            right.
        costs: of K + 1 stages and heads.
    """
    early = len(grid.cuts)
    reach = [_reached(grid, k) for k in range(early + 1)]
    cost = np.zeros(grid.shape)
    for k in range(early + 1):
        cost += _widen(reach[k] * costs.stages[k], early)
        head = _widen(reach[k] * costs.heads[k], early)
        cost += head if k == early else np.where(_disabled(grid, k), 0.0, head)
    n = len(grid.bins)
    value = tuple(_total_worth(grid, column) / n for column in worth)
    return GridOutcomes(cost / n + costs.estimator, value)


def _total_worth(grid: Grid, worth: Floats) -> Floats:
    early = len(grid.cuts)
    total = np.zeros(grid.shape)
    for k in range(early):
        total += _widen(_leaving(grid, k, worth[:, k]), early)
    return total + _below_all(grid, early, worth[:, early])


def _reached(grid: Grid, k: int) -> Floats:
    """Number of pictures that come to exit k, an array over the thresholds before it."""
    return _below_all(grid, k, np.ones(len(grid.bins)))


def _leaving(grid: Grid, k: int, weights: Floats) -> Floats:
    """Total weight of those that leave at exit k, an array over thresholds 0 to k."""
    joint = _histogram(grid, k + 1, weights)
    for axis in range(k):
        np.cumsum(joint, axis=axis, out=joint)
    # Above threshold t lie the bins t + 1, t + 2, ...: all, less those up to t.
    up_to = np.cumsum(joint, axis=k)
    return up_to[..., -1:] - up_to


def _below_all(grid: Grid, count: int, weights: Floats) -> Floats:
    """Total weight of those below the first `count` thresholds, an array over them."""
    joint = _histogram(grid, count, weights)
    for axis in range(count):
        np.cumsum(joint, axis=axis, out=joint)
    return joint


def _histogram(grid: Grid, count: int, weights: Floats) -> Floats:
    """Weights by the bins at the first `count` exits."""
    shape = grid.shape[:count]
    if not count:
        return np.asarray(weights.sum())
    flat = np.ravel_multi_index(tuple(grid.bins[:, :count].T), shape)
    sums: Floats = np.bincount(flat, weights=weights, minlength=int(np.prod(shape))).astype(float)
    return sums.reshape(shape)


def _widen(values: Floats, axes: int) -> Floats:
    """The same over `axes` axes, constant along those that it does not have."""
    return values.reshape(values.shape + (1,) * (axes - values.ndim))


def _disabled(grid: Grid, k: int) -> NDArray[np.bool_]:
    last = np.zeros(grid.shape[k], np.bool_)
    last[-1] = True
    return last.reshape((1,) * k + (-1,) + (1,) * (len(grid.cuts) - k - 1))
