"""Does the learned score of an exit rank its answers better than plain confidence does?

The score of a picture always comes from a fit that did not see it (K folds). It has earned its
place at an exit if the interval of the gain in AUROC lies above 0. The interval resamples pictures,
not fits: how much another validation set would move the coefficients is not in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dart_stream.errors import DataError
from dart_stream.exit_features import log_odds_of_answers
from dart_stream.exit_score import RIDGE, Target, fit_exit_scores, outcomes
from dart_stream.exit_table import ExitTable
from dart_stream.metrics import Interval, auroc

Floats = NDArray[np.float64]

_RESAMPLES_AT_ONCE = 50  # arrays of that many rows of pictures


@dataclass(frozen=True, slots=True)
class ScoreComparison:
    """Learned score beside confidence at one exit.

    Attributes:
        n: pictures.
        confidence_auroc: of confidence for the target; 0.5 is chance.
        score_auroc: of the score, on pictures that it was not fitted on.
        gain: the latter less the former.
        gain_ci95: from pairs: each resample judges both on the same pictures.
        earned: whether that interval lies above 0.
    """

    n: int
    confidence_auroc: float
    score_auroc: float
    gain: float
    gain_ci95: Interval
    earned: bool


def compare_exit_scores(
    table: ExitTable,
    target: Target,
    *,
    folds: int = 5,
    resamples: int = 1000,
    ridge: float = RIDGE,
    seed: int = 0,
) -> list[ScoreComparison | None]:
    """Compare at each early exit; None where all or none of the answers reach the target.

    Args:
        table: of pictures that were not trained on.
        target: what both are to predict; "correctness" needs labels.
        folds: at least 2.
        resamples: of the bootstrap.
        ridge: as `fit_exit_scores` takes it.
        seed: of folds and resamples.

    Raises:
        DataError: fewer pictures than folds, or what `fit_exit_scores` says.
    """
    if not 2 <= folds <= len(table):
        raise DataError(
            f"exit scores: expected 2 to {len(table)} folds for as many pictures, got {folds}"
        )
    generator = np.random.default_rng(seed)
    fold_of = generator.permutation(len(table)) % folds
    scores = cross_fitted_scores(table, target, fold_of, ridge=ridge)
    rivals, reached = log_odds_of_answers(table), outcomes(table, target)
    return [
        _compare(rivals[:, k], scores[:, k], reached[:, k], resamples, generator)
        for k in range(reached.shape[1])
    ]


def cross_fitted_scores(
    table: ExitTable, target: Target, fold_of: NDArray[np.integer], *, ridge: float = RIDGE
) -> Floats:
    """Scores [N, early exits], each by the fit to all other folds; `fold_of` is [N]."""
    scores = np.empty((len(table), table.num_exits - 1))
    for fold in np.unique(fold_of):
        judged = fold_of == fold
        fitted = fit_exit_scores(table.take(np.flatnonzero(~judged)), target, ridge=ridge)
        scores[judged] = fitted.score(table.take(np.flatnonzero(judged)))
    return scores


def _compare(
    confidence: Floats,
    score: Floats,
    reached: NDArray[np.bool_],
    resamples: int,
    generator: np.random.Generator,
) -> ScoreComparison | None:
    if reached.all() or not reached.any():
        return None
    before, after = auroc(confidence, reached), auroc(score, reached)
    gains = _resampled_gains(confidence, score, reached, resamples, generator)
    lower, upper = np.nanquantile(gains, [0.025, 0.975]).tolist()
    return ScoreComparison(
        n=len(reached),
        confidence_auroc=before,
        score_auroc=after,
        gain=after - before,
        gain_ci95=Interval(lower, upper),
        earned=lower > 0,
    )


def _resampled_gains(
    confidence: Floats,
    score: Floats,
    reached: NDArray[np.bool_],
    resamples: int,
    generator: np.random.Generator,
) -> Floats:
    """Gain in each resample of pictures; NaN in one that holds one kind of answers only."""
    gains, even = [], np.full(len(reached), 1 / len(reached))
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        rows = min(_RESAMPLES_AT_ONCE, resamples - start)
        counts = generator.multinomial(len(reached), even, size=rows)
        gains.append(_aurocs(score, reached, counts) - _aurocs(confidence, reached, counts))
    return np.concatenate(gains)


def _aurocs(score: Floats, positive: NDArray[np.bool_], counts: NDArray[np.int64]) -> Floats:
    """AUROC [R] of samples that hold each picture as often as the rows of counts [R, N] say."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf) != 0)
    ranked, hit = counts[:, order], positive[order]
    positives = np.add.reduceat(ranked * hit, starts, axis=1)
    negatives = np.add.reduceat(ranked * ~hit, starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    above = (positives * (below + negatives / 2)).sum(axis=1)
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    aurocs = np.full(len(counts), np.nan)
    np.divide(above, pairs, out=aurocs, where=pairs > 0)
    return aurocs
