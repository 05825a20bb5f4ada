"""Every exit's answer to every picture, recorded once: all choices are computed from it.

A model runs over data a single time; choosing thresholds, comparing policies and certifying them
then take seconds and numpy alone. The file is a safetensors file, so other programs can write one
from their own networks' logits; `docs/exit-table.md` describes it.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dart_stream.calibration import calibrated_probabilities
from dart_stream.costs import Costs
from dart_stream.errors import DataError


@dataclass(frozen=True, eq=False)
class ExitTable:
    """N pictures at each exit of a network.

    Attributes:
        logits: float32 [N, exits, classes], not divided by temperatures.
        temperatures: one per exit.
        labels: int64 [N], the true classes; None where nobody knows them.
        difficulty: float32 [N] in [0, 1], of mode `dart`; 0.5, the middle, where it is not known.
        alpha: float32 [N] in [0, 1], of mode `paper`; None where it was not measured.
        parts: float32 [N, 3], edge density, variance and gradient; None where not measured.
        macs: what parts of the network cost.
        times: the same in milliseconds on some machine; None where not measured.
        classes: their names.
        source: where the pictures come from, in words.
    """

    logits: NDArray[np.float32]
    temperatures: tuple[float, ...]
    labels: NDArray[np.int64] | None
    difficulty: NDArray[np.float32]
    macs: Costs
    classes: tuple[str, ...]
    source: str
    alpha: NDArray[np.float32] | None = None
    parts: NDArray[np.float32] | None = None
    times: Costs | None = None

    def __post_init__(self) -> None:
        if self.logits.ndim != 3 or not len(self.logits):
            raise DataError(
                "exit table: expected logits of [pictures, exits, classes], "
                f"got {list(self.logits.shape)}"
            )
        n, exits, classes = self.logits.shape
        for name, got, expected in (
            ("temperatures", len(self.temperatures), exits),
            ("macs.stages", len(self.macs.stages), exits),
            ("times.stages", exits if self.times is None else len(self.times.stages), exits),
            ("classes", len(self.classes), classes),
            ("labels", n if self.labels is None else len(self.labels), n),
            ("difficulty", len(self.difficulty), n),
            ("alpha", n if self.alpha is None else len(self.alpha), n),
            ("parts", n if self.parts is None else len(self.parts), n),
        ):
            if got != expected:
                raise DataError(
                    f"exit table: {name}: expected {expected} for logits of "
                    f"{n} pictures, {exits} exits and {classes} classes, got {got}"
                )
        if self.labels is not None and not 0 <= self.labels.min() <= self.labels.max() < classes:
            raise DataError(
                f"exit table: labels: expected 0 to {classes - 1}, "
                f"got {self.labels.min()} to {self.labels.max()}"
            )

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def num_exits(self) -> int:
        """Exits, the last included."""
        exits: int = self.logits.shape[1]
        return exits

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """Calibrated, float32 [N, exits, classes]."""
        by_exit = self.logits.transpose(1, 0, 2)
        calibrated = calibrated_probabilities(by_exit, list(self.temperatures))
        return np.ascontiguousarray(calibrated.transpose(1, 0, 2), dtype=np.float32)

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Probability of each exit's answer, [N, exits]."""
        confidence: NDArray[np.float32] = self.probabilities.max(2)
        return confidence

    @cached_property
    def answers(self) -> NDArray[np.int64]:
        """Class that each exit would answer, [N, exits]."""
        answers: NDArray[np.int64] = self.probabilities.argmax(2)
        return answers

    @cached_property
    def agrees(self) -> NDArray[np.bool_]:
        """Whether each exit answers as the full network does, [N, exits]."""
        agrees: NDArray[np.bool_] = self.answers == self.answers[:, -1:]
        return agrees

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each exit is right, [N, exits].

        Raises:
            DataError: nobody knows the labels.
        """
        if self.labels is None:
            raise DataError(
                f"exit table of {self.source}: expected labels, it has none; "
                "use what needs agreement with full depth only"
            )
        correct: NDArray[np.bool_] = self.answers == self.labels[:, None]
        return correct

    def take(self, rows: NDArray[np.integer]) -> Self:
        """The same of some pictures."""
        return replace(
            self,
            logits=self.logits[rows],
            labels=None if self.labels is None else self.labels[rows],
            difficulty=self.difficulty[rows],
            alpha=None if self.alpha is None else self.alpha[rows],
            parts=None if self.parts is None else self.parts[rows],
        )
