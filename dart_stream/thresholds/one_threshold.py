"""Every threshold that all early exits could share, and what it does: exact, in one sort.

A picture leaves at the first exit whose score reaches the threshold: at exit k if k of its running
maxima of scores lie below it. Sums over pictures are then sums over running maxima below the
threshold, which sorting gives for all thresholds at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.thresholds.budget import best_within

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """All thresholds that differ in what they do.

    Attributes:
        thresholds: [M], rising; a score leaves that is at least as high.
        cost: [M], mean of a picture.
        worth: [M], mean over pictures of what the answer given is worth.
    """

    thresholds: Floats
    cost: Floats
    worth: Floats

    def best_for(self, costs: Costs, budgets: Sequence[float]) -> Iterator[tuple[float, float]]:
        """Each budget that can be kept to, with the threshold worth most within it."""
        for budget in budgets:
            best = best_within(self.cost, self.worth, budget * costs.plain())
            if best is not None:
                yield budget, float(self.thresholds[best])


def sweep(scores: Floats, worth: Floats, spent: Floats, span: tuple[float, float]) -> Sweep:
    """Try every distinct score.

    Args:
        scores: [N, K] of K early exits, higher where the exit is surer.
        worth: [N, K + 1] of the answer at each exit.
        spent: [K + 1], cost of a picture that leaves there.
        span: thresholds are cut off at these ends.
    """
    highest = np.maximum.accumulate(scores, axis=1)
    thresholds = np.unique(np.clip(_between(highest), *span))
    return Sweep(
        thresholds,
        cost=_mean_at_exit(highest, np.broadcast_to(spent, worth.shape), thresholds),
        worth=_mean_at_exit(highest, worth, thresholds),
    )


def _between(scores: Floats) -> Floats:
    """Halfway to the next lower score, so that no rounding decides who leaves."""
    distinct = np.unique(scores)
    below = np.concatenate([distinct[:1] - 1, distinct[:-1]])
    halfway: Floats = (below + distinct) / 2
    return halfway


def _mean_at_exit(highest: Floats, per_exit: Floats, thresholds: Floats) -> Floats:
    """Mean over pictures of their entry at the exit where they leave, for each threshold."""
    order = np.argsort(highest, axis=None)
    # Passing one more exit changes a picture's entry by the step between two of them.
    steps = np.diff(per_exit, axis=1).ravel()[order]
    passed = np.searchsorted(highest.ravel()[order], thresholds, "left")
    total = np.concatenate([[0.0], np.cumsum(steps)])[passed]
    mean: Floats = per_exit[:, 0].mean() + total / len(per_exit)
    return mean
