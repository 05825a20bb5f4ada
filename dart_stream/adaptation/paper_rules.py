"""Eq. 13 and 14 as printed, fed with a policy's own confident answers.

Reference: DART Eq. 13 and 14; A_target = 0.85, alpha_decay = 0.95.
Differs from the paper: nothing in the formulas. It leaves open f of Eq. 13, here
1 + A_target - A, the step eta, here 0.01, and limits, here the [0.1, 2] of its authors' program.

An answer is confident or it teaches nothing, and a confident answer equals its own label: the
accuracy that these formulas see is 1 whatever happens, so c_y falls until it is clipped.
"""

from typing import Final

import msgspec

TARGET: Final = 0.85
DECAY: Final = 0.95
STEP: Final = 0.01
CONFIDENT: Final = 0.8
LEAST, MOST = 0.1, 2.0


class PaperCoefficients(msgspec.Struct, forbid_unknown_fields=True):
    """What Eq. 19 multiplies thresholds with.

    Attributes:
        exits: c_i of each early exit.
        classes: c_y.
    """

    exits: list[float]
    classes: list[float]

    def temporal(self, accuracy: list[float | None]) -> None:
        """Eq. 13 with the accuracy of each exit in the window; None leaves its coefficient."""
        self.exits = [
            c if a is None else _clipped(DECAY * c + (1 - DECAY) * (1 + TARGET - a))
            for c, a in zip(self.exits, accuracy, strict=True)
        ]

    def class_aware(self, accuracy: list[float | None]) -> None:
        """Eq. 14 with the accuracy of each class in the window; None leaves its coefficient."""
        self.classes = [
            c if a is None else _clipped(c + STEP * (TARGET - a))
            for c, a in zip(self.classes, accuracy, strict=True)
        ]


def self_accuracy(answers: list[tuple[int, float]], groups: int) -> list[float | None]:
    """Share of confident answers of each group that equal their own label: 1, or None.

    Args:
        answers: group (an exit or a class) and confidence of each region of the window.
        groups: how many there are.
    """
    confident = {group for group, confidence in answers if confidence >= CONFIDENT}
    return [1.0 if group in confident else None for group in range(groups)]


def _clipped(c: float) -> float:
    return min(max(c, LEAST), MOST)
