"""Methods beside each other at every budget, and those that know no budget."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.halvings import OURS
from dart_stream.evaluation.method_row import MethodRow
from dart_stream.evaluation.page.blocks import Column, Group, paragraph, section, table
from dart_stream.evaluation.page.interval_plot import common_scale, interval_plot
from dart_stream.evaluation.page.marks import BASELINE, look
from dart_stream.evaluation.page.scale import Scale
from dart_stream.evaluation.page.wording import (
    NOT_MEASURED,
    interval,
    listed,
    milliseconds,
    of_budget,
    percent,
    points,
    text,
)

Rows = Sequence[MethodRow]

_UNITS: Final = {"macs": "multiply-accumulates", "ms": "measured time"}
_LEAD: Final = (
    "Best of each group in bold. Thresholds were chosen on other pictures, so what a method "
    "spends is near the budget, not at it: read accuracy together with the share of MACs. Each "
    "group of intervals has a scale of its own, without random's; the upright line is 0."
)
_OTHERS: Final = "Settings that no budget chose. The oracle knows the labels: a limit, not a rival."


def budget_section(evaluation: Evaluation) -> str:
    """Each method at each budget."""
    heading = "Methods at each budget"
    groups = _budget_groups(evaluation.methods)
    if not groups:
        return section(heading, paragraph("No method was chosen for a budget.", "lead"))
    rows = [row for group in groups for row in group.rows]
    return section(heading, paragraph(_LEAD, "lead"), _table(_columns(rows), groups))


def other_methods_section(evaluation: Evaluation) -> str:
    """Methods whose settings are not chosen for a budget, and the oracle."""
    rows = [row for row in evaluation.methods if row.budget is None]
    if evaluation.oracle is not None:
        rows.append(evaluation.oracle)
    if not rows:
        return ""
    columns = [replace(column, worth=None) for column in _columns(rows)]
    return section(
        "Methods without a budget", paragraph(_OTHERS, "lead"), _table(columns, [Group(rows)])
    )


def _budget_groups(rows: Rows) -> list[Group[MethodRow]]:
    """Largest budget first, those of multiply-accumulates before those of time."""
    found: dict[tuple[str, float], list[MethodRow]] = {}
    for row in rows:
        if row.budget is not None:
            found.setdefault((row.chosen_by, row.budget), []).append(row)
    return [
        Group(
            sorted(found[unit, budget], key=lambda row: -row.accuracy),
            f"chosen for {of_budget(budget)} of the full network's {_UNITS.get(unit, text(unit))}"
            + _not_reached(rows, unit, found[unit, budget]),
        )
        for unit, budget in sorted(found, key=lambda key: (key[0], -key[1]))
    ]


def _not_reached(rows: Rows, unit: str, group: Rows) -> str:
    """Methods that other budgets of the same unit have and this one lacks."""
    names = {row.name: None for row in rows if row.chosen_by == unit and row.budget is not None}
    missing = [name for name in names if name not in {row.name for row in group}]
    return f" <span>not reached by {listed(missing)}</span>" if missing else ""


def _table(columns: Sequence[Column[MethodRow]], groups: Sequence[Group[MethodRow]]) -> str:
    return table(columns, groups, lambda row: "ours" if row.name == OURS else "")


def _columns(rows: Rows) -> list[Column[MethodRow]]:
    scales = _scales(rows)
    columns = [
        Column("method", _name, kind="name"),
        Column("accuracy", lambda row: percent(row.accuracy, 2), lambda row: row.accuracy),
        Column("exit gap, points", lambda row: points(row.exit_gap), lambda row: -row.exit_gap),
        Column("", lambda row: _plot(row, scales[row.chosen_by, row.budget]), kind="plot"),
        Column("95 % interval", lambda row: interval(row.exit_gap_ci95), kind="range"),
        Column("MACs", lambda row: percent(row.macs_fraction)),
        Column("time", _time, lambda row: _negative(row.time_ms)),
        Column(
            "disagreement", lambda row: percent(row.disagreement, 2), lambda row: -row.disagreement
        ),
    ]
    if any(row.energy_j is not None for row in rows):
        columns.append(Column("energy", _energy, lambda row: _negative(row.energy_j)))
    if any(row.daes is not None for row in rows):
        columns.append(Column("DAES", _daes, lambda row: row.daes))
    return [*columns, Column("setting", lambda row: text(row.setting), kind="setting")]


def _name(row: MethodRow) -> str:
    return f'<span class="swatch {look(row.name)}"></span>{text(row.name)}'


def _scales(rows: Rows) -> dict[tuple[str, float | None], Scale]:
    """Of exit gaps, one for each group; the baseline's would leave no room for the others."""
    found: dict[tuple[str, float | None], list[tuple[float, float]]] = {}
    for row in rows:
        intervals = found.setdefault((row.chosen_by, row.budget), [])
        if row.name != BASELINE:
            intervals.append(row.exit_gap_ci95)
    return {group: common_scale(intervals) for group, intervals in found.items()}


def _plot(row: MethodRow, scale: Scale) -> str:
    return interval_plot(row.exit_gap, row.exit_gap_ci95, scale, look(row.name))


def _time(row: MethodRow) -> str:
    return _shown(row.time_ms, milliseconds)


def _energy(row: MethodRow) -> str:
    return _shown(row.energy_j, lambda joules: f"{joules:.3g} J")


def _daes(row: MethodRow) -> str:
    return _shown(row.daes, lambda value: f"{value:.3f}")


def _shown(value: float | None, words: Callable[[float], str]) -> str:
    return NOT_MEASURED if value is None else words(value)


def _negative(value: float | None) -> float | None:
    """A worth for what is better the smaller it is."""
    return None if value is None else -value
