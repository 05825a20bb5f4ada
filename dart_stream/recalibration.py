"""A trained model made right for other pictures: temperatures, difficulty, thresholds, certificate.

Everything is fitted on one half of an exit table and certified on the other. Without labels the
temperatures stay, and thresholds keep the full network's answers instead of the right ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from dart_stream.calibration import fit_temperatures, survivors
from dart_stream.difficulty import fit_difficulty_to_parts
from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from dart_stream.model_info import ModelInfo
from dart_stream.starting_policy import choose_thresholds
from dart_stream.thresholds import MaxDisagreement, Objective, choose_sensitivity
from dart_stream.thresholds.choice import ChosenPolicy, Halves, choose_policy
from dart_stream.thresholds.point import Worth

_FIRST_DISAGREEMENT: Final = 0.02
"""Of the rough thresholds that tell who reaches an exit while temperatures are fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Recalibrated:
    """A model's new description and policy.

    Attributes:
        info: with new temperatures and difficulty tables.
        chosen: the policy, its frontier and certificate.
        table: all pictures under the new temperatures and difficulty.
    """

    info: ModelInfo
    chosen: ChosenPolicy
    table: ExitTable


def recalibrate(
    info: ModelInfo,
    table: ExitTable,
    objective: Objective,
    halves: Halves,
    confidence: float = 0.95,
    on_step: Callable[[str], None] = lambda _line: None,
) -> Recalibrated:
    """Fit everything that depends on the pictures and not on the weights.

    Args:
        info: of the model.
        table: its answers to pictures that it was not trained on, with parts of difficulty.
        objective: what to ask of thresholds.
        halves: of the table, to fit and to certify on.
        confidence: of the certificate.
        on_step: told in a line what begins.

    Raises:
        DataError: the objective cannot be met, or too few pictures.
    """
    if table.parts is None:
        raise DataError("calibration: expected the parts of difficulty in the exit table")
    half = table.take(halves.selection)
    temperatures = table.temperatures
    if half.labels is not None:
        on_step("fitting a temperature for each exit")
        temperatures = _temperatures(info, half, half.labels)
    assert half.parts is not None, "taken from a table that has them"
    tables = fit_difficulty_to_parts(half.parts)
    fitted = replace(table, temperatures=temperatures, difficulty=tables.score_parts(table.parts))
    half = fitted.take(halves.selection)
    worth: Worth = "agreement" if wants_agreement(objective, half) else "expected"
    on_step("searching thresholds")
    beta = choose_sensitivity(half, half.macs, worth).beta
    chosen = choose_policy(
        fitted,
        fitted.macs,
        objective,
        halves,
        worth=worth,
        betas=sorted({0.0, beta}),
        confidence=confidence,
        bounded=True,
    )
    described = msgspec.structs.replace(
        info, temperatures=list(temperatures), difficulty=tables.to_dict(), figures={}
    )
    return Recalibrated(described, chosen, fitted)


def wants_agreement(objective: Objective, table: ExitTable) -> bool:
    """Whether the frontier has to keep the full network's answers rather than the right ones."""
    return table.labels is None or isinstance(objective, MaxDisagreement)


def _temperatures(info: ModelInfo, half: ExitTable, labels: NDArray[np.int64]) -> tuple[float, ...]:
    """One an exit, on the pictures that reach it."""
    by_exit = half.logits.transpose(1, 0, 2)
    rough = replace(half, temperatures=tuple(fit_temperatures(by_exit, labels)))
    probabilities = rough.probabilities.transpose(1, 0, 2)
    thresholds = choose_thresholds(probabilities, info.macs, _FIRST_DISAGREEMENT)
    return tuple(fit_temperatures(by_exit, labels, survivors(probabilities, thresholds)))
