"""Figures of merit, each a plain function of arrays.

Exits count from 0; a network has K of them. Costs are multiply-accumulates. Shares and
probabilities lie in [0, 1]. Every function of a sample refuses an empty one with ValueError:
a figure that was not measured is not 0.
"""

import functools
import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BISECTIONS = 60  # halvings of [0, 1]: below 1e-18


class Interval(NamedTuple):
    """A confidence interval."""

    lower: float
    upper: float


class Disagreement(NamedTuple):
    """How often an early answer differs from the full network's.

    Attributes:
        estimate: share of audits that differ.
        upper: one-sided Clopper-Pearson bound: with probability `confidence` the true share is
            not above it, if audits are a random sample.
        audits: how many there were.
        confidence: of the bound.
    """

    estimate: float
    upper: float
    audits: int
    confidence: float


def accuracy(label_id: ArrayLike, truth: ArrayLike) -> float:
    """Return the share of answers (n,) that equal the true classes (n,)."""
    answers, expected = np.asarray(label_id), np.asarray(truth)
    _require_sample("accuracy", answers, expected)
    return float(np.mean(answers == expected))


def expected_calibration_error(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """Return the mean gap between confidence and accuracy over bins of equal width.

    Args:
        confidence: (n,) probability of the answer.
        correct: (n,) whether it was right.
        bins: intervals (0, 1/bins], (1/bins, 2/bins], ...; a confidence of 0 is in the first.

    Reference: Guo et al., "On calibration of modern neural networks", 2017, Eq. 3.
    """
    p, hit = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    _require_sample("expected calibration error", p, hit)
    bin_of = np.clip(np.ceil(p * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(bin_of, weights=p - hit, minlength=bins)
    return float(np.abs(gap).sum() / len(p))


def auroc(score: ArrayLike, positive: ArrayLike) -> float:
    """Return the probability that a positive scores above a negative, ties counting half.

    The area under the receiver operating characteristic; 0.5 says nothing, below it the score
    points the other way. Exact: all pairs are counted, by sorting.

    Args:
        score: (n,) anything that can be ordered.
        positive: (n,) bool, at least one of each.

    Reference: Mann and Whitney, "On a test of whether one of two random variables is
    stochastically larger than the other", 1947.
    """
    values, hit = np.asarray(score), np.asarray(positive, dtype=np.bool_)
    _require_sample("auroc", values, hit)
    if hit.all() or not hit.any():
        raise ValueError(
            f"auroc: expected positives and negatives, got {int(hit.sum())} positives of {len(hit)}"
        )
    _, rank = np.unique(values, return_inverse=True)
    positives = np.bincount(rank, weights=hit)
    negatives = np.bincount(rank, weights=~hit)
    below = np.cumsum(negatives) - negatives
    above = float(positives @ (below + negatives / 2))
    return above / float(positives.sum() * negatives.sum())


def exit_shares(exits: ArrayLike, num_exits: int) -> NDArray[np.float64]:
    """Return the share of regions (num_exits,) that stopped at each exit."""
    taken = np.asarray(exits)
    _require_sample("exit shares", taken)
    if taken.min() < 0 or taken.max() >= num_exits:
        raise ValueError(
            f"exit shares: expected exits in 0 .. {num_exits - 1}, "
            f"got {taken.min()} .. {taken.max()}"
        )
    return np.bincount(taken, minlength=num_exits) / len(taken)


def average_exit_depth(exits: ArrayLike, num_exits: int) -> float:
    """Return the mean of (exit + 1) / num_exits: 1 if everything runs to the end."""
    shares = exit_shares(exits, num_exits)
    return float(shares @ np.arange(1, num_exits + 1) / num_exits)


def macs_fraction(cost_macs: ArrayLike, full_macs: float, estimator_macs: float = 0) -> float:
    """Return the mean cost of a region relative to the plain network's.

    Args:
        cost_macs: (n,) stages and heads that ran for each region.
        full_macs: all stages and the last head.
        estimator_macs: of the difficulty estimator, which runs for every region.
    """
    cost = np.asarray(cost_macs, dtype=np.float64)
    _require_sample("macs fraction", cost)
    return float((cost.mean() + estimator_macs) / full_macs)


def compute_savings_ratio(
    cost_macs: ArrayLike, full_macs: float, estimator_macs: float = 0
) -> float:
    """Return 1 - `macs_fraction`: negative where early exit costs more than it saves."""
    return 1 - macs_fraction(cost_macs, full_macs, estimator_macs)


def disagreement(differs: ArrayLike, confidence: float = 0.95) -> Disagreement:
    """Summarise audits.

    Args:
        differs: (audits,) whether the deployed answer differed from the full-depth answer.
        confidence: of the upper bound.
    """
    wrong = np.asarray(differs, dtype=np.bool_)
    _require_sample("disagreement", wrong)
    events, audits = int(wrong.sum()), len(wrong)
    return Disagreement(
        estimate=events / audits,
        upper=clopper_pearson_upper(events, audits, confidence),
        audits=audits,
        confidence=confidence,
    )


def clopper_pearson_upper(events: int, trials: int, confidence: float = 0.95) -> float:
    """Return the one-sided upper bound of a probability: P(X <= events) = 1 - confidence there.

    Exact: the true probability is above it in at most a share 1 - confidence of repetitions,
    whatever it is.

    Reference: Clopper and Pearson, 1934.
    """
    _require_counts(events, trials, confidence)
    if events == trials:
        return 1.0
    tail = math.log1p(-confidence)
    k = np.arange(events + 1)
    factorials = _log_factorials(trials)
    log_choose = factorials[trials] - factorials[k] - factorials[trials - k]
    return _bisect(lambda p: _log_binomial_cdf(log_choose, k, trials - k, p) <= tail)


def clopper_pearson_interval(events: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return the two-sided exact interval: half of 1 - confidence lies outside at either end."""
    _require_counts(events, trials, confidence)
    one_sided = (1 + confidence) / 2
    return Interval(
        lower=1 - clopper_pearson_upper(trials - events, trials, one_sided),
        upper=clopper_pearson_upper(events, trials, one_sided),
    )


def accuracy_interval(label_id: ArrayLike, truth: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the exact interval of `accuracy`."""
    answers, expected = np.asarray(label_id), np.asarray(truth)
    _require_sample("accuracy", answers, expected)
    return clopper_pearson_interval(int(np.sum(answers == expected)), len(answers), confidence)


def wilson_interval(share: float, trials: int, confidence: float = 0.95) -> Interval:
    """Return the score interval of a share of independent trials: shorter than the exact one.

    Its coverage is `confidence` on average over the true share, not for each.

    Reference: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if trials < 1 or not 0 <= share <= 1 or not 0 < confidence < 1:
        raise ValueError(
            "wilson interval: expected a share in [0, 1] of at least 1 trial and confidence in "
            f"(0, 1), got {share} of {trials} at {confidence}"
        )
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials * trials)))
    half = spread / (1 + z2 / trials)
    return Interval(lower=max(0.0, centre - half), upper=min(1.0, centre + half))


def daes(accuracy: float, speedup: float, power_efficiency: float, mean_alpha: float) -> float:
    """Return the paper's difficulty-aware efficiency score.

    Args:
        accuracy: in [0, 1].
        speedup: time of the static network over time of the method (Eq. 20).
        power_efficiency: energy of the static network over energy of the method (Eq. 22).
        mean_alpha: the data set's mean of Eq. 8.

    Time enters twice, once inside the energy, and nothing stops a fast bad model: never quote it
    alone.

    Reference: DART Eq. 9.
    """
    return accuracy * speedup * power_efficiency / (1 + mean_alpha)


def _log_binomial_cdf(
    log_choose: NDArray[np.float64], k: NDArray[np.int64], others: NDArray[np.int64], p: float
) -> float:
    """Logarithm of P(X in k), X binomial; 0 < p < 1; `others` is the number of trials less k."""
    terms = log_choose + k * math.log(p) + others * math.log1p(-p)
    largest = float(terms.max())
    return largest + math.log(float(np.exp(terms - largest).sum()))


def _log_factorials(n: int) -> NDArray[np.float64]:
    """Logarithms of 0! .. n!."""
    return _log_factorial_table(max(n, 1).bit_length())[: n + 1]


@functools.lru_cache(maxsize=2)
def _log_factorial_table(bits: int) -> NDArray[np.float64]:
    """Logarithms of 0! .. (2^bits - 1)!: sums from the beginning, so a longer one begins alike."""
    table = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 1 << bits)))])
    table.flags.writeable = False
    return table


def _bisect(is_above: Callable[[float], bool]) -> float:
    """Return the smallest p in [0, 1] where `is_above` holds; it must hold from there on."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return high


def _require_sample(name: str, *columns: NDArray[np.generic]) -> None:
    lengths: Sequence[int] = [len(column) for column in columns]
    if lengths[0] == 0 or len(set(lengths)) != 1:
        raise ValueError(f"{name}: expected columns of one length above 0, got {list(lengths)}")


def _require_counts(events: int, trials: int, confidence: float) -> None:
    if trials < 1 or not 0 <= events <= trials or not 0 < confidence < 1:
        raise ValueError(
            "binomial bound: expected 0 <= events <= trials, trials >= 1 and confidence in (0, 1), "
            f"got {events} of {trials} at {confidence}"
        )
