"""Weights of the parts by random search: which sum tells best where early exits are wrong.

Reference: DART Eq. 8, whose weights were found by random search.
Differs from the paper: it does not say what the search maximises. Here it is the AUROC of
difficulty for "exit k is wrong", averaged over the early exits: difficulty raises the thresholds of
all of them by one rule, so what counts is that it ranks wrong answers above right ones at each, and
a rank needs no threshold to be judged. The distribution of the sum is left out, for it changes no
order. The best of many trials looks better than it is: half of the pictures choose, the other half
reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty.definition import PAPER_WEIGHTS, Floats, Weights, weighted_sum
from dart_stream.difficulty.tables import fit_difficulty_to_parts
from dart_stream.errors import DataError
from dart_stream.metrics import auroc

Outcomes = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class WeightSearch:
    """The weights found, beside those of the paper.

    Attributes:
        weights: of edge density, variance and gradient, the best on the pictures that chose.
        auroc: of difficulty with these for "exit k is wrong", at each early exit, on the pictures
            that did not choose; 0.5 is chance, None where all or none are wrong.
        paper_auroc: the same with the paper's weights, on the same pictures.
        trials: weights that were tried, the paper's included.
        n: pictures that AUROCs are of.
    """

    weights: Weights
    auroc: tuple[float | None, ...]
    paper_auroc: tuple[float | None, ...]
    trials: int
    n: int


def search_weights(
    parts_train: Floats, parts_validation: Floats, wrong: Outcomes, *, trials: int, seed: int
) -> WeightSearch:
    """Try the paper's weights and random points of the simplex, all equally likely.

    Args:
        parts_train: (n, 3), whose distributions make parts comparable.
        parts_validation: (m, 3) of pictures that were not trained on.
        wrong: (m, early exits), whether each early exit errs there.
        trials: at least 1.
        seed: of the halves and of the trials.

    Raises:
        DataError: no trials, shapes that do not fit, or a half on which no exit is both right and
            wrong.
    """
    if trials < 1 or wrong.ndim != 2 or len(wrong) != len(parts_validation):
        raise DataError(
            "difficulty weights: expected at least 1 trial and wrong of [pictures, early exits] "
            f"for {len(parts_validation)} pictures, got {trials} trials and {list(wrong.shape)}"
        )
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(wrong))
    choosing, reporting = order[: len(order) // 2], order[len(order) // 2 :]
    levels = fit_difficulty_to_parts(parts_train).part_levels(parts_validation)
    drawn = generator.dirichlet(np.ones(3), trials - 1)
    candidates: list[Weights] = [PAPER_WEIGHTS, *((e, v, g) for e, v, g in drawn.tolist())]
    means = [_mean(_aurocs(levels[choosing], wrong[choosing], each)) for each in candidates]
    best = candidates[int(np.argmax(means))]
    return WeightSearch(
        weights=best,
        auroc=_aurocs(levels[reporting], wrong[reporting], best),
        paper_auroc=_aurocs(levels[reporting], wrong[reporting], PAPER_WEIGHTS),
        trials=trials,
        n=len(reporting),
    )


def _aurocs(
    levels: NDArray[np.float64], wrong: Outcomes, weights: Weights
) -> tuple[float | None, ...]:
    difficulty = weighted_sum(levels, weights)
    return tuple(
        auroc(difficulty, column) if column.any() and not column.all() else None
        for column in wrong.T
    )


def _mean(aurocs: Sequence[float | None]) -> float:
    known = [value for value in aurocs if value is not None]
    if not known:
        raise DataError(
            "difficulty weights: expected an early exit that is sometimes right and sometimes "
            "wrong, got none; take more validation pictures"
        )
    return float(np.mean(known))
