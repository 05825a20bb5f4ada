"""Class coefficients from audits: more confidence is asked where confidence overstates.

An audit has the answer of every exit, and so tells of each whether it agrees. g[y, k] rises when an
answer y at exit k agrees less often than its confidence claims, and falls when it does so more
often. What all classes of an exit have in common, their median, is taken out of what is put to use:
how often the whole may differ is the ladder's business.

Reference: DART Eq. 13 (what is known weighs against what is new) and 14: a step is proportional to
the accuracy expected less the accuracy seen.

Differs from the paper: agreement with full depth on random audits takes the place of an exit's
opinion of itself, whose fixed point is the clip; what is expected is what confidences claim
(`class_agreement`), not one number for all classes; steps become smaller as a class becomes known
(Newton's method, one observation at a time); g is bounded, additive on the logit scale, and fades
to a neutral value where nothing is learned.

`pending` learns all the time; `current` is what policies use. It takes over only where evidence
starts anew, for what was proved of a policy was proved of its coefficients too.
"""

from math import exp, log
from statistics import median
from typing import Final

import msgspec

from dart_stream.adaptation.class_agreement import LOG_ODDS_LIMIT, RIDGE, ClassAgreement
from dart_stream.policies.dart import MAX_COEFFICIENT, MIN_COEFFICIENT

Rows = list[list[float]]

STEP: Final = 0.1
"""Largest move, in logits: ten in one direction change odds by a factor of e."""

_MOST_INFORMATION: Final = 30.0
"""About that of 250 pictures of a class: older ones count less, so that a class can still move."""

_REGIONS_TO_FADE: Final = 50_000.0

_GRID: Final = 0.05
"""Coefficients in use are multiples of this: a policy's body stays short and comparable."""


class Coefficients(msgspec.Struct, forbid_unknown_fields=True):
    """C classes, E early exits.

    Attributes:
        pending: what has been learned, (C, E), in [-1, 3].
        current: what policies ask for, (C, E), multiples of 0.05.
        neutral: what calibration pictures say, (C, E).
        information: how firmly each is known, (C, E).
        offsets: of each exit, see `ClassAgreement`, (E,).
        slopes: likewise; an exit of slope 0 learns nothing.
        offered: audits by full-depth answer, (C,).
        accepted: those sure enough to teach, (C,).
    """

    pending: Rows
    current: Rows
    neutral: Rows
    information: Rows
    offsets: list[float]
    slopes: list[float]
    offered: list[int]
    accepted: list[int]

    def fade(self, regions: int, *, home: bool) -> None:
        """Let what is pending decay by so many regions, to 0 or, at home, to calibration's."""
        keep = exp(-regions / _REGIONS_TO_FADE)
        goal = (1 - keep) * home
        self.pending = [
            [g * keep + goal * n for g, n in zip(row, neutral, strict=True)]
            for row, neutral in zip(self.pending, self.neutral, strict=True)
        ]

    def learn(self, exit_index: int, label_id: int, confidence: float, *, agrees: bool) -> None:
        """Take one early exit's answer to an accepted audit in.

        Args:
            exit_index: of an early exit.
            label_id: its answer.
            confidence: of it, in [0, 1].
            agrees: with the pseudo-label, or with the truth where it is known.
        """
        k, slope = exit_index, self.slopes[exit_index]
        if not slope:
            return
        g = self.pending[label_id][k]
        expected = _logistic(self.offsets[k] + slope * (_log_odds(confidence) - g))
        surprise = expected - agrees
        known = self.information[label_id][k] + slope**2 * expected * (1 - expected)
        self.information[label_id][k] = min(known, _MOST_INFORMATION)
        step = slope * surprise / (RIDGE * slope**2 + known)
        moved = g + min(max(step, -STEP), STEP)
        self.pending[label_id][k] = min(max(moved, MIN_COEFFICIENT), MAX_COEFFICIENT)

    def adopt(self) -> bool:
        """Put what is pending to use; say whether that changes anything."""
        wanted = self._wanted()
        changed, self.current = wanted != self.current, wanted
        return changed

    def distance(self) -> float:
        """Largest difference between what would be put to use and what is in use, in logits."""
        return max(
            abs(a - b)
            for new, old in zip(self._wanted(), self.current, strict=True)
            for a, b in zip(new, old, strict=True)
        )

    def in_use(self) -> tuple[tuple[float, ...], ...]:
        """Rows for a `DartPolicy`; none where all are 0."""
        rows = tuple(tuple(row) for row in self.current)
        return rows if any(map(any, rows)) else ()

    def _wanted(self) -> Rows:
        """What is pending, less what the classes of an exit have in common, on the grid."""
        common = [median(of_exit) for of_exit in zip(*self.pending, strict=True)]
        return [
            [_rounded(g - middle) for g, middle in zip(row, common, strict=True)]
            for row in self.pending
        ]


def no_coefficients(classes: int, early: int) -> Coefficients:
    """Return coefficients of 0 that learn nothing."""
    return Coefficients(
        pending=_zeros(classes, early),
        current=_zeros(classes, early),
        neutral=_zeros(classes, early),
        information=_zeros(classes, early),
        offsets=[0.0] * early,
        slopes=[0.0] * early,
        offered=[0] * classes,
        accepted=[0] * classes,
    )


def calibrated_coefficients(agreement: ClassAgreement) -> Coefficients:
    """Return what calibration pictures say, in use."""
    classes, early = agreement.coefficients.shape
    known = agreement.information.clip(max=_MOST_INFORMATION)
    coefficients = Coefficients(
        pending=agreement.coefficients.tolist(),
        current=_zeros(classes, early),
        neutral=agreement.coefficients.tolist(),
        information=known.tolist(),
        offsets=agreement.offsets.tolist(),
        slopes=agreement.slopes.tolist(),
        offered=[0] * classes,
        accepted=[0] * classes,
    )
    coefficients.adopt()
    return coefficients


def _zeros(classes: int, early: int) -> Rows:
    return [[0.0] * early for _ in range(classes)]


def _rounded(g: float) -> float:
    return min(max(round(g / _GRID) * _GRID, MIN_COEFFICIENT), MAX_COEFFICIENT)


def _log_odds(confidence: float) -> float:
    if confidence <= 0 or confidence >= 1:
        return LOG_ODDS_LIMIT if confidence > 0 else -LOG_ODDS_LIMIT
    return min(max(log(confidence / (1 - confidence)), -LOG_ODDS_LIMIT), LOG_ODDS_LIMIT)


def _logistic(log_odds: float) -> float:
    return 1 / (1 + exp(-min(max(log_odds, -50.0), 50.0)))
