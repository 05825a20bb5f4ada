"""All methods on one model: fitted on validation tables, measured on a test table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.evaluation.breakdown import (
    ClassRow,
    DifficultyBin,
    Reliability,
    by_class,
    by_difficulty,
    reliability,
)
from dart_stream.evaluation.method_row import MethodRow, describe
from dart_stream.exit_table import ExitTable
from dart_stream.methods import METHODS, FittedMethod
from dart_stream.metrics import auroc
from dart_stream.thresholds import FrontierPoint, find_frontier

BUDGETS: Final = (0.75, 0.5, 0.35, 0.25)
SHOWN_BUDGET: Final = 0.5
"""Of the policy whose decisions are taken apart."""

OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A fitted method and its row."""

    fitted: FittedMethod
    row: MethodRow


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of our method taken apart."""

    method: str
    setting: str
    by_difficulty: list[DifficultyBin]
    by_class: list[ClassRow]
    reliability: list[Reliability]


def measure_methods(
    validation: ExitTable,
    test: ExitTable,
    costs: Costs,
    names: Sequence[str],
    budgets: Sequence[float] = BUDGETS,
    on_step: OnStep = lambda _name: None,
) -> list[Measured]:
    """Fit methods on `validation` and measure every setting on `test`.

    Args:
        validation: pictures that the model was not trained on.
        test: pictures that chose nothing.
        costs: that budgets are about: the table's multiply-accumulates, or times.
        names: of the methods.
        budgets: shares of the full network's cost.
        on_step: told which method begins.

    Raises:
        DataError: there is no such method.
    """
    measured: list[Measured] = []
    for name in names:
        if name not in METHODS:
            raise DataError(f"method: expected one of {', '.join(METHODS)}, got {name!r}")
        on_step(name)
        fitted = METHODS[name].fit(validation, costs, budgets)
        measured += [measure(each, costs.unit, test) for each in fitted]
    return measured


def measure(fitted: FittedMethod, chosen_by: str, test: ExitTable) -> Measured:
    """Measure one setting.

    Args:
        fitted: the method.
        chosen_by: unit of the costs that it was fitted to.
        test: pictures that chose nothing.
    """
    outcome = fitted.decide(test, test.macs)
    return Measured(fitted, describe(fitted, chosen_by, outcome, test))


def take_apart(fitted: FittedMethod, test: ExitTable) -> Breakdown:
    """Decisions of one setting by difficulty, class and confidence, and each exit's reliability."""
    outcome = fitted.decide(test, test.macs)
    curves = [reliability("early exit", outcome.confidence, outcome.answers == test.labels)]
    curves += [
        reliability(f"exit {k}", test.confidence[:, k], test.correct[:, k])
        for k in range(test.num_exits)
    ]
    return Breakdown(
        method=fitted.name,
        setting=fitted.setting,
        by_difficulty=by_difficulty(outcome, test),
        by_class=by_class(outcome, test),
        reliability=curves,
    )


def frontier_on(validation: ExitTable) -> list[FrontierPoint]:
    """The accuracy-cost frontier of plain thresholds on the pictures that choose them."""
    return find_frontier(validation, validation.macs)


def difficulty_auroc(test: ExitTable) -> list[float | None]:
    """How well difficulty tells pictures on which an exit is wrong, for each exit; 0.5 is chance.

    None for an exit that is right, or wrong, on every picture.
    """
    found: list[float | None] = []
    for right in test.correct.T:
        mixed = bool(right.any()) and not bool(right.all())
        found.append(auroc(test.difficulty, ~right) if mixed else None)
    return found
