"""Calibration of a trained network's exits on the pictures that reach them, and its figures."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dart_stream.calibration import (
    MIN_PICTURES,
    Mask,
    calibrated_probabilities,
    fit_temperatures,
    large_enough,
    survivors,
)
from dart_stream.macs import Macs
from dart_stream.metrics import expected_calibration_error
from dart_stream.platt import compare_calibrations, fit_sigmoid
from dart_stream.starting_policy import choose_thresholds


@dataclass(frozen=True)
class ExitAnswers:
    """Logits [exits, N, classes] and labels [N] of pictures that were not trained on."""

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]

    def calibrated(self, temperatures: list[float]) -> NDArray[np.float64]:
        """Probabilities [exits, N, classes]."""
        return calibrated_probabilities(self.logits, temperatures)


@dataclass(frozen=True)
class ExitCalibration:
    """Temperature of each exit, and the figures that say how it came about."""

    temperatures: list[float]
    figures: dict[str, Any]


def calibrate_exits(
    held_out: ExitAnswers, macs: Macs, *, max_disagreement: float
) -> ExitCalibration:
    """Fit each exit's temperature on the pictures that reach it, and compare with Platt's sigmoid.

    Who reaches an exit depends on thresholds, which need temperatures: a first fit on all pictures
    gives those.

    Args:
        held_out: validation pictures.
        macs: of the model's parts.
        max_disagreement: that thresholds are chosen for.
    """
    on_all = fit_temperatures(held_out.logits, held_out.labels)
    first = held_out.calibrated(on_all)
    reached = survivors(first, choose_thresholds(first, macs, max_disagreement))
    temperatures = fit_temperatures(held_out.logits, held_out.labels, reached)
    figures = {
        "shipped": "temperature",
        "fitted_on": ["survivors" if mask.sum() >= MIN_PICTURES else "all" for mask in reached],
        "survivors": [int(mask.sum()) for mask in reached],
        "temperatures_on_all": on_all,
        "exits": _comparisons(held_out, temperatures, large_enough(reached)),
    }
    return ExitCalibration(temperatures, figures)


def calibration_error(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], reached: Mask
) -> list[float | None]:
    """ECE of each exit on the pictures that reach it; None where none does.

    Args:
        probabilities: [exits, N, classes].
        labels: class of each picture, [N].
        reached: which pictures reach each exit, [exits, N].
    """
    right = probabilities.argmax(2) == labels
    confidence = probabilities.max(2)
    return [
        round(expected_calibration_error(p[mask], hit[mask]), 5) if mask.any() else None
        for p, hit, mask in zip(confidence, right, reached, strict=True)
    ]


def rounded(figures: Any) -> Any:
    """The same with five decimals, however deep they lie in dictionaries."""
    if isinstance(figures, dict):
        return {name: rounded(value) for name, value in figures.items()}
    return round(figures, 5) if isinstance(figures, float) else figures


def _comparisons(
    held_out: ExitAnswers, temperatures: list[float], used: Mask
) -> list[dict[str, Any]]:
    """For each exit the comparison on halves, and the sigmoid on all of its pictures."""
    rows = []
    calibrated = held_out.calibrated(temperatures)
    for logits, probabilities, mask in zip(held_out.logits, calibrated, used, strict=True):
        labels = held_out.labels[mask]
        compared = compare_calibrations(logits[mask], labels)
        answers = probabilities[mask]
        sigmoid = fit_sigmoid(answers.max(1), answers.argmax(1) == labels)
        rows.append(rounded(asdict(compared) | {"sigmoid": sigmoid._asdict()}))
    return rows
