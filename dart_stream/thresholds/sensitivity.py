"""Whether difficulty should move thresholds at all: only if that pays on pictures not chosen on.

Reference: DART Eq. 19, whose sensitivity is 0.3 whatever the data.

Differs from the paper: sensitivities compete with 0, by cross-fitting. Thresholds are chosen on
all folds but one, with each sensitivity and without; what that gains is measured on the fold left
out, picture by picture. The best sensitivity of several looks better than it is, so that the gain
which counts is that of choosing: on each fold, of the sensitivity that gains most on the others.
It must exceed its standard error, or sensitivity is 0. One standard error is no proof: of synthetic
tables whose difficulty is noise 13 of 60 pass (400 pictures), and 2 of 25 (2,500 pictures).

Utility of a picture: what its answer is worth, less the price of its computation. Thresholds are
chosen for several budgets, and the price is what worth costs around each: the slope of the
frontier without sensitivity, so that whoever merely buys worth at the going rate gains nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from dart_stream.policies import DartPolicy, replay
from dart_stream.thresholds.frontier import find_frontier
from dart_stream.thresholds.objectives import accuracy_of
from dart_stream.thresholds.point import FrontierPoint, Worth

Floats = NDArray[np.float64]

BETAS: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Sensitivities worth trying, in logits between the easiest and the hardest picture."""

_FOLDS: Final = 5
_SEED: Final = 0
_DEPTHS: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Budgets: this far from the cost of the first exit to that of the full network."""

_STEP: Final = 0.1
"""To either side of a budget, on the same scale: where the slope of the frontier is taken."""

_LEVELS: Final = {1: 256, 2: 64, 3: 24, 4: 12, 5: 8}
"""Cuts an exit by number of early exits: coarse, because the search runs dozens of times."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The sensitivity that gains most, and what is known of its gain.

    Attributes:
        candidate: the sensitivity.
        gain: mean utility of a picture above that without sensitivity, cross-fitted.
        standard_error: of the gain, thresholds taken as given.
    """

    candidate: float
    gain: float
    standard_error: float

    @property
    def beta(self) -> float:
        """The candidate if its gain exceeds one standard error, else 0."""
        return self.candidate if self.gain > self.standard_error else 0.0


def choose_sensitivity(
    table: ExitTable, costs: Costs, worth: Worth = "accuracy", betas: Sequence[float] = BETAS
) -> Sensitivity:
    """Let sensitivities compete with 0. The same table gives the same choice.

    Args:
        table: pictures to choose and to measure on in turn.
        costs: of its parts.
        worth: see `find_frontier`.
        betas: at least one.

    Raises:
        DataError: fewer pictures than folds, or too many exits for an exact search.
    """
    if len(table) < _FOLDS:
        raise DataError(
            f"sensitivity: expected at least {_FOLDS} pictures, one per fold, got {len(table)}"
        )
    fold_of = np.random.default_rng(_SEED).permutation(len(table)) % _FOLDS
    gains = np.empty((len(betas), len(table)))
    for fold in range(_FOLDS):
        held = fold_of == fold
        trial = _Trial(table.take(np.flatnonzero(~held)), costs, worth)
        gains[:, held] = trial.gains(table.take(np.flatnonzero(held)), betas)
    of_choosing = _gain_of_choosing(gains, fold_of)
    return Sensitivity(
        candidate=float(betas[gains.mean(axis=1).argmax()]),
        gain=float(of_choosing.mean()),
        standard_error=float(of_choosing.std(ddof=1) / np.sqrt(len(table))),
    )


def _gain_of_choosing(gains: Floats, fold_of: NDArray[np.int64]) -> Floats:
    """Gain of each picture, [N], with the sensitivity that is best on the other folds."""
    chosen = np.empty(gains.shape[1])
    for fold in range(_FOLDS):
        held = fold_of == fold
        chosen[held] = gains[gains[:, ~held].mean(axis=1).argmax(), held]
    return chosen


@dataclass(frozen=True, slots=True)
class _Trial:
    """Chooses thresholds on the pictures of a table, measures them on others."""

    table: ExitTable
    costs: Costs
    worth: Worth

    def gains(self, held: ExitTable, betas: Sequence[float]) -> Floats:
        """Utility of each held picture above that without sensitivity, [betas, N]."""
        plain = self._frontier(0.0)
        prices = [self._price(plain, depth) for depth in _DEPTHS]
        without = self._utility(held, plain, prices)
        return np.stack(
            [self._utility(held, self._frontier(beta), prices) - without for beta in betas]
        )

    def _frontier(self, beta: float) -> list[FrontierPoint]:
        levels = _LEVELS.get(self.table.num_exits - 1)
        return find_frontier(self.table, self.costs, self.worth, (beta,), levels)

    def _price(self, frontier: Sequence[FrontierPoint], depth: float) -> float:
        """What worth rises by per unit of cost around a depth."""
        low, high = self._budget(depth - _STEP), self._budget(depth + _STEP)
        bought = self._worth_of(_dearest(frontier, high)) - self._worth_of(_dearest(frontier, low))
        return bought / (high - low)

    def _budget(self, depth: float) -> float:
        """Mean cost at a depth: 0 leaves at the first exit, 1 is the full network."""
        first = self.costs.up_to_exit()[0]
        return float(first + depth * (self.costs.estimator + self.costs.plain() - first))

    def _worth_of(self, point: FrontierPoint) -> float:
        if self.worth == "agreement":
            return 1 - point.disagreement
        return accuracy_of(point) if point.expected is None else point.expected

    def _utility(
        self, held: ExitTable, frontier: Sequence[FrontierPoint], prices: Sequence[float]
    ) -> Floats:
        """Utility of each held picture, its mean over budgets, [N]."""
        total = np.zeros(len(held))
        for depth, price in zip(_DEPTHS, prices, strict=True):
            total += self._utility_at(held, _dearest(frontier, self._budget(depth)), price)
        return total / len(prices)

    def _utility_at(self, held: ExitTable, point: FrontierPoint, price: float) -> Floats:
        policy = DartPolicy(thresholds=point.thresholds, beta=point.beta)
        exits = replay(policy, held.probabilities, held.difficulty)
        good = held.agrees if self.worth == "agreement" else held.correct
        watched = [threshold is not None for threshold in point.thresholds]
        paid = self.costs.paid(reads_difficulty=policy.reads_difficulty)
        spent = paid.up_to_exit(watched)[exits]
        utility: Floats = good[np.arange(len(held)), exits] - price * spent
        return utility


def _dearest(frontier: Sequence[FrontierPoint], budget: float) -> FrontierPoint:
    """The last point within a budget that the first keeps to."""
    return [point for point in frontier if point.cost <= budget][-1]
