"""Class coefficients from audits: more confidence is asked where leaving early goes wrong.

g[y, k] rises while regions that leave at exit k as class y differ from full depth more often than
all that leave there, falls while they do so less often, and fades where nothing is learned. How
often all of them may differ is not its business: the ladder sees to that.

Reference: DART Eq. 13 (an exit's rate is the slow part that its classes are shrunk to) and 14.

Differs from the paper: the target is a rate of disagreement with full depth on random audits, the
exit's own, and not a number for accuracy against the exit's own answers, whose fixed point is the
clip; cells with few audits are drawn to their exit's rate; a step is taken only where an interval
of the rate leaves the target out; g is bounded, additive on the logit scale, and decays to 0.

`pending` learns all the time; `current` is what policies use. It takes over only where evidence
starts anew, for what was proved of a policy was proved of its coefficients too.
"""

from math import exp
from typing import Final

import msgspec

from dart_stream.metrics import wilson_interval
from dart_stream.policies.dart import MAX_COEFFICIENT, MIN_COEFFICIENT

Rows = list[list[float]]

STEP: Final = 0.1
"""Largest move, in logits: ten in one direction change odds by a factor of e."""

_SHRINKAGE: Final = 50.0
"""Audits of its exit's average that a cell starts with."""

_ACCEPTED_PER_STEP: Final = 50
_REGIONS_TO_FADE: Final = 50_000.0
"""A class gets some hundred audits in that time; faster, and g would fade before it is learned."""

_AUDITS_TO_FORGET: Final = 2000.0
_CONFIDENCE: Final = 0.9
"""Steps are taken again and again: at one standard error chance alone would move classes apart."""

_OUTDATED: Final = 3.0
"""Share of a cell's audits that a move of one logit outdates: they were made with another g."""

_GRID: Final = 0.05
"""Coefficients in use are multiples of this: a policy's body stays short and comparable."""


class Coefficients(msgspec.Struct, forbid_unknown_fields=True):
    """C classes, E early exits.

    Attributes:
        pending: what has been learned, (C, E), in [-1, 3].
        current: what policies ask for, (C, E), multiples of 0.05.
        leavers: audits that left at an exit as a class, faded, (C, E).
        differing: how many of them differed, (C, E).
        offered: audits by full-depth answer, (C,).
        accepted: those sure enough to teach, (C,).
        since_step: accepted audits since the last step.
    """

    pending: Rows
    current: Rows
    leavers: Rows
    differing: Rows
    offered: list[int]
    accepted: list[int]
    since_step: int = 0

    def fade(self, regions: int) -> None:
        """Let what is pending decay by so many regions."""
        factor = exp(-regions / _REGIONS_TO_FADE)
        self.pending = [[g * factor for g in row] for row in self.pending]

    def add(self, label_id: int, exit_index: int, *, differs: bool, epsilon: float) -> None:
        """Take one accepted audit in.

        Args:
            label_id: deployed answer.
            exit_index: where it left, an early exit or the last.
            differs: from the pseudo-label, or from the truth where it is known.
            epsilon: the limit.
        """
        if exit_index < len(self.pending[0]):
            self.leavers[label_id][exit_index] += 1
            self.differing[label_id][exit_index] += differs
        self.since_step += 1
        if self.since_step >= _ACCEPTED_PER_STEP:
            self._step(epsilon)

    def adopt(self) -> bool:
        """Put what is pending to use; say whether that changes anything."""
        rounded = [[round(g / _GRID) * _GRID for g in row] for row in self.pending]
        changed, self.current = rounded != self.current, rounded
        return changed

    def distance(self) -> float:
        """Largest difference between what is pending and what is in use, in logits."""
        return max(
            abs(a - b)
            for new, old in zip(self.pending, self.current, strict=True)
            for a, b in zip(new, old, strict=True)
        )

    def in_use(self) -> tuple[tuple[float, ...], ...]:
        """Rows for a `DartPolicy`; none where all are 0."""
        rows = tuple(tuple(row) for row in self.current)
        return rows if any(map(any, rows)) else ()

    def _step(self, epsilon: float) -> None:
        self.since_step = 0
        keep = exp(-_ACCEPTED_PER_STEP / _AUDITS_TO_FORGET)
        for k in range(len(self.pending[0])):
            total = sum(row[k] for row in self.leavers)
            lost = sum(row[k] for row in self.differing)
            of_exit = (lost + _SHRINKAGE * epsilon) / (total + _SHRINKAGE)
            for y, row in enumerate(self.pending):
                n, e = self.leavers[y][k], self.differing[y][k]
                rate = (e + _SHRINKAGE * of_exit) / (n + _SHRINKAGE)
                before, row[k] = row[k], _moved(row[k], rate, n, of_exit)
                left = keep * (1 - _OUTDATED * abs(row[k] - before))
                self.leavers[y][k], self.differing[y][k] = n * left, e * left


def no_coefficients(classes: int, early: int) -> Coefficients:
    """Return coefficients of 0, which have seen nothing."""
    return Coefficients(
        pending=_zeros(classes, early),
        current=_zeros(classes, early),
        leavers=_zeros(classes, early),
        differing=_zeros(classes, early),
        offered=[0] * classes,
        accepted=[0] * classes,
    )


def _zeros(classes: int, early: int) -> Rows:
    return [[0.0] * early for _ in range(classes)]


def _moved(g: float, rate: float, audits: float, target: float) -> float:
    """Return g after one step towards the target, if the rate is known to be off it.

    Args:
        g: before.
        rate: of disagreement, shrunk.
        audits: that it comes from, beside those it was shrunk with.
        target: rate that all classes at this exit should have.
    """
    if audits < 1:
        return g
    known = wilson_interval(min(max(rate, 0.0), 1.0), round(audits + _SHRINKAGE), _CONFIDENCE)
    if known.lower <= target <= known.upper:
        return g
    step = STEP * (rate - target) / target
    return min(max(g + min(max(step, -STEP), STEP), MIN_COEFFICIENT), MAX_COEFFICIENT)
