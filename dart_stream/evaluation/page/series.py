"""What a chart of accuracy against cost shows: a series for each method and kind of budget."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.halvings import OURS
from dart_stream.evaluation.method_row import MethodRow
from dart_stream.evaluation.page.drawing import Point
from dart_stream.evaluation.page.marks import look
from dart_stream.evaluation.page.wording import percent
from dart_stream.methods import METHODS

_NO_SERIES = "static"
"""It is the line that stands for the full network."""


@dataclass(frozen=True, slots=True)
class CostAxis:
    """What accuracy is drawn against.

    Attributes:
        key: tells this chart's elements from another's on the same page.
        name: of the axis, with its unit.
        of: cost of a row in that unit; None if it has none.
        full: of the full network; None if it has none.
        shown: a cost in words.
        units: which budgets belong here, see `MethodRow.chosen_by`.
    """

    key: str
    name: str
    of: Callable[[MethodRow], float | None]
    full: float | None
    shown: Callable[[float], str]
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """A setting of a method on a chart: cost and accuracy in per cent, and its words."""

    at: Point
    words: str


@dataclass(frozen=True, slots=True)
class Series:
    """What a line of the legend is about.

    Attributes:
        name: of the method.
        label: in the legend.
        dots: by rising cost.
        kind: more classes in the style sheet.
        budgets: whether the settings were chosen for budgets.
    """

    name: str
    label: str
    dots: list[Dot]
    kind: str
    budgets: bool


def all_series(evaluation: Evaluation, cost: CostAxis) -> Iterator[Series]:
    """Ours first, then in the registry's order; what has no such cost is left out."""
    names = {row.name: None for row in evaluation.methods}
    order = [OURS, *(name for name in METHODS if name != OURS)]
    for name in sorted(names, key=lambda n: order.index(n) if n in order else len(order)):
        for unit in cost.units:
            rows = [r for r in evaluation.methods if (r.name, r.chosen_by) == (name, unit)]
            dots = sorted((dot for r in rows if (dot := _dot(r, cost))), key=lambda dot: dot.at)
            if dots and name != _NO_SERIES:
                yield Series(
                    name=name,
                    label=_series_label(name, unit),
                    dots=dots,
                    kind=f"{look(name)} by-{unit}",
                    budgets=any(row.budget is not None for row in rows),
                )


def _series_label(name: str, unit: str) -> str:
    if name == "single":
        return "single exits"
    return f"{name}, for time" if unit == "ms" else name


def _dot(row: MethodRow, cost: CostAxis) -> Dot | None:
    value = cost.of(row)
    if value is None:
        return None
    words = f"{row.name}, {row.setting}: {percent(row.accuracy, 2)} at {cost.shown(value)}"
    return Dot((value, 100 * row.accuracy), words)
