"""One method's decisions taken apart: by difficulty, by class, by confidence."""

from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dart_stream.exit_table import ExitTable
from dart_stream.methods import Outcome
from dart_stream.metrics import average_exit_depth, exit_shares, expected_calibration_error

DIFFICULTY_EDGES: Final = (0.0, 0.3, 0.7, 1.0)
"""Easy, medium and hard, as the authors' README bins them."""
_CONFIDENCE_BINS: Final = 15


class DifficultyBin(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures of one range of difficulty; figures are None where there are none.

    Attributes:
        lower: of the range.
        upper: of the range, which the last bin includes.
        n: pictures.
        exits: share of them that stop at each exit.
        accuracy: of the answers given.
        full_accuracy: of the full network.
    """

    lower: float
    upper: float
    n: int
    exits: list[float] | None
    accuracy: float | None
    full_accuracy: float | None


class ClassRow(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures of one class."""

    name: str
    n: int
    accuracy: float
    full_accuracy: float
    disagreement: float
    average_exit_depth: float


class ConfidenceBin(msgspec.Struct, frozen=True):
    """Answers of one range of confidence: how sure they were, how often right."""

    n: int
    confidence: float
    accuracy: float


class Reliability(msgspec.Struct, frozen=True, kw_only=True):
    """A reliability diagram; bins without answers are left out."""

    name: str
    ece: float
    bins: list[ConfidenceBin]


def by_difficulty(outcome: Outcome, table: ExitTable) -> list[DifficultyBin]:
    """Where easy, medium and hard pictures stop."""
    inner = np.asarray(DIFFICULTY_EDGES[1:-1])
    bins = np.searchsorted(inner, table.difficulty, "right")
    right, full = _right(outcome, table), table.correct[:, -1]
    rows = []
    for index, (lower, upper) in enumerate(pairwise(DIFFICULTY_EDGES)):
        inside = bins == index
        some = bool(inside.any())
        rows.append(
            DifficultyBin(
                lower=lower,
                upper=upper,
                n=int(inside.sum()),
                exits=exit_shares(outcome.exits[inside], table.num_exits).tolist()
                if some
                else None,
                accuracy=float(right[inside].mean()) if some else None,
                full_accuracy=float(full[inside].mean()) if some else None,
            )
        )
    return rows


def by_class(outcome: Outcome, table: ExitTable) -> list[ClassRow]:
    """How each class that occurs fares."""
    right, full = _right(outcome, table), table.correct[:, -1]
    differs = outcome.answers != table.answers[:, -1]
    rows = []
    for index, name in enumerate(table.classes):
        inside = table.labels == index
        if np.any(inside):
            rows.append(
                ClassRow(
                    name=name,
                    n=int(np.sum(inside)),
                    accuracy=float(right[inside].mean()),
                    full_accuracy=float(full[inside].mean()),
                    disagreement=float(differs[inside].mean()),
                    average_exit_depth=average_exit_depth(outcome.exits[inside], table.num_exits),
                )
            )
    return rows


def reliability(name: str, confidence: ArrayLike, right: ArrayLike) -> Reliability:
    """How confidence and accuracy go together, in bins of equal width."""
    p, hit = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    bins = np.clip(np.ceil(p * _CONFIDENCE_BINS).astype(int) - 1, 0, _CONFIDENCE_BINS - 1)
    found = []
    for index in range(_CONFIDENCE_BINS):
        inside = bins == index
        if inside.any():
            found.append(
                ConfidenceBin(int(inside.sum()), float(p[inside].mean()), float(hit[inside].mean()))
            )
    return Reliability(name=name, ece=expected_calibration_error(p, hit), bins=found)


def _right(outcome: Outcome, table: ExitTable) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = outcome.answers == table.labels
    return right
