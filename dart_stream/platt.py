"""Platt's sigmoid on the confidences of an exit, and whether it beats a temperature.

On top of a temperature it has two parameters more, and is worth having only where it earns them on
held-out pictures. It never maps a larger confidence to a smaller one, so that with a slope above 0
it changes no decision whose threshold is mapped along; it changes what a confidence says.

Reference: Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
Differs from the paper: the input is the log-odds of a calibrated confidence, not a margin.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dart_stream.calibration import calibrated_probabilities, fit_temperature
from dart_stream.logistic import drawn_in, fit_logistic, logistic
from dart_stream.metrics import expected_calibration_error

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]
Outcomes = NDArray[np.bool_]

_LOG_ODDS_LIMIT = 30.0  # of confidences of 0 and 1
_RIDGE = 1e-6  # keeps the system solvable where all confidences are equal


class Sigmoid(NamedTuple):
    """Platt's map of a confidence c: 1 / (1 + exp(-(slope * log-odds(c) + offset)))."""

    slope: float
    offset: float

    def __call__(self, confidence: Floats) -> NDArray[np.float64]:
        """Map confidences in [0, 1] to confidences in [0, 1]; a larger one never gets smaller."""
        return logistic(self.slope * _log_odds(confidence) + self.offset)


@dataclass(frozen=True)
class Fit:
    """How well confidences of held-out answers match how often those are right.

    Attributes:
        nll: mean negative log-likelihood of "the answer is right", in nats.
        ece: expected calibration error.
    """

    nll: float
    ece: float


@dataclass(frozen=True)
class Comparison:
    """Calibrations of one exit, each fitted on one half of the pictures and judged on the other.

    Attributes:
        n: pictures that they were judged on.
        none: the network's own confidences.
        temperature: divided by a temperature.
        platt: the same, and then Platt's sigmoid.
        nll_gain: by how much the sigmoid lowers the likelihood loss.
        nll_gain_se: standard error of that, from the paired differences.
        chosen: "platt" if it gains more than a standard error without a larger ECE, else
            "temperature".
    """

    n: int
    none: Fit
    temperature: Fit
    platt: Fit
    nll_gain: float
    nll_gain_se: float
    chosen: str


def fit_sigmoid(confidence: Floats, correct: Outcomes) -> Sigmoid:
    """Fit Platt's sigmoid by Newton's method.

    Args:
        confidence: of the answers, [N].
        correct: whether they were right, [N].

    Targets are drawn in from 0 and 1 as Platt does, so that an exit that is always right has an
    optimum; a slope that comes out below zero (a surer answer is right less often) becomes 0.
    """
    target, ridge = drawn_in(correct), np.full(2, _RIDGE)
    inputs = np.stack([_log_odds(confidence), np.ones(len(correct))], axis=1)
    slope, offset = fit_logistic(inputs, target, ridge)
    if slope <= 0:
        (offset,) = fit_logistic(inputs[:, 1:], target, ridge[1:])
        slope = 0.0
    return Sigmoid(float(slope), float(offset))


def compare_calibrations(logits: Floats, labels: Labels, *, seed: int = 0) -> Comparison:
    """Judge no calibration, temperature and Platt of one exit on pictures they were not fitted on.

    The pictures are cut in two halves at random; each half is judged by what the other one gave.

    Args:
        logits: of the pictures that reach the exit, [N, classes], at least 2.
        labels: class of each, [N].
        seed: of the cut.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    raw, tempered, mapped = (np.empty(len(labels)) for _ in range(3))
    for fitted, judged in (halves, halves[::-1]):
        temperature = fit_temperature(logits[fitted], labels[fitted])
        own, right = _confidence(logits[fitted], temperature), _right(logits, labels)[fitted]
        raw[judged] = _confidence(logits[judged], 1.0)
        tempered[judged] = _confidence(logits[judged], temperature)
        mapped[judged] = fit_sigmoid(own, right)(tempered[judged])
    return _compare(raw, tempered, mapped, _right(logits, labels))


def _compare(raw: Floats, tempered: Floats, mapped: Floats, correct: Outcomes) -> Comparison:
    gains = _losses(tempered, correct) - _losses(mapped, correct)
    gain, error = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))
    temperature, platt = _fit(tempered, correct), _fit(mapped, correct)
    earned = gain > error and platt.ece <= temperature.ece
    return Comparison(
        n=len(correct),
        none=_fit(raw, correct),
        temperature=temperature,
        platt=platt,
        nll_gain=gain,
        nll_gain_se=error,
        chosen="platt" if earned else "temperature",
    )


def _fit(confidence: Floats, correct: Outcomes) -> Fit:
    return Fit(
        nll=float(_losses(confidence, correct).mean()),
        ece=expected_calibration_error(confidence, correct),
    )


def _losses(confidence: Floats, correct: Outcomes) -> NDArray[np.float64]:
    """Negative log-likelihood of each outcome under its confidence."""
    log_odds = _log_odds(confidence)
    losses: NDArray[np.float64] = np.logaddexp(0, np.where(correct, -log_odds, log_odds))
    return losses


def _confidence(logits: Floats, temperature: float) -> NDArray[np.float64]:
    confidence: NDArray[np.float64] = calibrated_probabilities(logits[None], [temperature])[0].max(
        axis=1
    )
    return confidence


def _right(logits: Floats, labels: Labels) -> Outcomes:
    right: Outcomes = logits.argmax(1) == labels
    return right


def _log_odds(confidence: Floats) -> NDArray[np.float64]:
    p = np.asarray(confidence, np.float64)
    with np.errstate(divide="ignore"):
        log_odds = np.log(p) - np.log1p(-p)
    limited: NDArray[np.float64] = np.clip(log_odds, -_LOG_ODDS_LIMIT, _LOG_ODDS_LIMIT)
    return limited
