"""What a class is to an exit: how far its confidence overstates the chance to agree.

At each early exit a logistic regression over calibration pictures,

    logit P(answers as full depth does) = offset + slope (logit confidence - g[answered class]),

gives the class coefficients that a stream begins with. It learns from every picture at every exit,
whether a policy would have stopped there or not, and so needs far fewer of them than a count of
the rare answers that were given out and differed.

Reference: DART Eq. 14, whose coefficient of a class follows its accuracy.
Differs from the paper: the accuracy that a class should have is what its confidences claim, as
confidences of all classes of that exit are to be read; not one number for all.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.exit_table import ExitTable
from dart_stream.logistic import drawn_in, fit_logistic, logistic
from dart_stream.policies.dart import MAX_COEFFICIENT, MIN_COEFFICIENT

Floats = NDArray[np.float64]

RIDGE: Final = 5.0
"""Classes are alike within 0.45 of a logit, one may expect."""

_LEAST_SLOPE: Final = 0.2
"""Below, confidence hardly tells whether an exit agrees; then classes are left alone."""

LOG_ODDS_LIMIT: Final = 10.0
"""Of a confidence: beyond, all are as sure as can be."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassAgreement:
    """C classes, E early exits.

    Attributes:
        offsets: (E,).
        slopes: not negative; 0 where confidence says nothing and classes are left alone, (E,).
        coefficients: g in logits of confidence, in [-1, 3], (C, E).
        information: curvature of the log-likelihood in each g: how firmly it is known, (C, E).
    """

    offsets: Floats
    slopes: Floats
    coefficients: Floats
    information: Floats


def fit_class_agreement(table: ExitTable, surest: float) -> ClassAgreement:
    """Fit all early exits.

    Args:
        table: pictures that the network was not trained on.
        surest: confidence of full depth from which on its answer is taken for a label.
    """
    sure = np.flatnonzero(table.confidence[:, -1] >= surest)
    classes, early = len(table.classes), table.num_exits - 1
    fitted = ClassAgreement(
        np.zeros(early), np.zeros(early), np.zeros((classes, early)), np.zeros((classes, early))
    )
    if len(sure):
        taught = table.take(sure)
        for k in range(early):
            _fit_exit(fitted, taught, k)
    return fitted


def log_odds(confidence: Floats) -> Floats:
    """Logits of confidences in [0, 1], within the limit."""
    with np.errstate(divide="ignore"):
        odds = np.log(confidence) - np.log1p(-confidence)
    clipped: Floats = np.clip(odds, -LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)
    return clipped


def _fit_exit(fitted: ClassAgreement, table: ExitTable, k: int) -> None:
    classes, n = len(table.classes), len(table)
    answers, agrees = table.answers[:, k], table.agrees[:, k]
    odds = log_odds(table.confidence[:, k].astype(np.float64))
    answered = answers[:, None] == np.arange(classes)
    inputs = np.concatenate([np.ones((n, 1)), odds[:, None], -1.0 * answered], axis=1)
    ridge = np.concatenate([[1e-4, 1e-4], np.full(classes, RIDGE / n)])
    offset, slope, *of_class = fit_logistic(inputs, drawn_in(agrees), ridge)
    if slope < _LEAST_SLOPE:
        return
    g = np.clip(np.array(of_class) / slope, MIN_COEFFICIENT, MAX_COEFFICIENT)
    chance = logistic(offset + slope * (odds - g[answers]))
    fitted.offsets[k], fitted.slopes[k], fitted.coefficients[:, k] = offset, slope, g
    fitted.information[:, k] = np.bincount(
        answers, weights=slope**2 * chance * (1 - chance), minlength=classes
    )
