"""Accuracy against cost: what each method pays for being right."""

from collections.abc import Sequence
from typing import Final

from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.halvings import OURS
from dart_stream.evaluation.page.drawing import (
    Axes,
    box,
    label,
    polyline,
    svg,
    told,
)
from dart_stream.evaluation.page.marks import BASELINE, mark
from dart_stream.evaluation.page.scale import Scale, padded
from dart_stream.evaluation.page.series import CostAxis, Series
from dart_stream.evaluation.page.wording import percent

_SIZE: Final = (960, 506)
_PLOT: Final = (50, 730, 446, 46)
"""Left, right, bottom and top of the axes; the legend stands right of them."""
_LEGEND_LINE: Final = 23
_POINTS: Final = ("single", "static")
"""Methods whose settings are no curve."""


def tradeoff_chart(evaluation: Evaluation, cost: CostAxis, series: Sequence[Series]) -> str:
    """Draw accuracy against one cost; `series` are at least one."""
    axes = _axes(evaluation, series, cost)
    frame = axes.frame(cost.name, f"right on {evaluation.split} (%)", ticks=(9, 7))
    drawn = [_curve(each, axes) for each in series if each.name != OURS]
    drawn += [_curve(each, axes) for each in series if each.name == OURS]  # above the others
    clipped = [_frontier(evaluation, axes) if cost.key == "macs" else "", *drawn]
    parts = [
        _clip(axes, cost.key),
        frame,
        _exit_names(series, axes),
        _full_network(evaluation, axes, cost),
        f'<g clip-path="url(#inside-{cost.key})">\n' + "\n".join(filter(None, clipped)) + "\n</g>",
        _oracle(evaluation, axes, cost),
        _legend(series, with_frontier=cost.key == "macs" and bool(evaluation.frontier)),
    ]
    return svg(_SIZE, f"accuracy against {cost.name}, a curve for each method", parts)


def outside(evaluation: Evaluation, cost: CostAxis, series: Sequence[Series]) -> list[str]:
    """Single exits that the chart's range leaves out, in words."""
    axes = _axes(evaluation, series, cost)
    dots = [dot for each in series if each.name == "single" for dot in each.dots]
    return [dot.words for dot in dots if not axes.holds(dot.at)]


def _axes(evaluation: Evaluation, series: Sequence[Series], cost: CostAxis) -> Axes:
    """Ranges that show where methods chosen for budgets differ."""
    compared = [s for s in series if s.budgets and s.name != BASELINE] or series
    dots = [dot.at for each in compared for dot in each.dots]
    full = 100 * evaluation.full_depth.accuracy
    top = max(dot.at[1] for each in series for dot in each.dots)
    low, high = padded([full, top, *(y for _, y in dots)], pad=0.08, at_least=0.3)
    inside = [x for each in series for dot in each.dots for x, y in [dot.at] if low <= y <= high]
    costs = [*inside, *([] if cost.full is None else [cost.full])]
    left, right = padded(costs, pad=0.04, at_least=0.01 * max(costs))
    x0, x1, y0, y1 = _PLOT
    return Axes(Scale(max(left, 0.0), right, x0, x1), Scale(low, min(high, 100.0), y0, y1))


def _curve(series: Series, axes: Axes) -> str:
    kind = f"series {series.kind}"
    line = ""
    if series.name not in _POINTS and len(series.dots) > 1:
        line = axes.line([dot.at for dot in series.dots], "line")
    radius = 5.5 if series.name == OURS else 4.5
    marks = [told(mark(series.name, axes.at(dot.at), radius), dot.words) for dot in series.dots]
    return f'<g class="{kind}">{line}{"".join(marks)}</g>'


def _exit_names(series: Sequence[Series], axes: Axes) -> str:
    dots = [dot for each in series if each.name == "single" for dot in each.dots]
    names = []
    for index, dot in enumerate(dots):
        x, y = axes.at(dot.at)
        if axes.holds(dot.at):
            names.append(label(f"exit {index}", (x + 8, y + 14), "note"))
    return "\n".join(names)


def _full_network(evaluation: Evaluation, axes: Axes, cost: CostAxis) -> str:
    accuracy = 100 * evaluation.full_depth.accuracy
    y, end = axes.y(accuracy), axes.x.end
    words = f"full network {percent(evaluation.full_depth.accuracy, 2)}"
    x = end if cost.full is None else axes.x(cost.full)
    parts = [
        polyline([(axes.x.start, y), (end, y)], "full"),
        label(words, (x - 10, y - 8), "note strong", "end"),
    ]
    if cost.full is not None:
        dot = f'<circle class="full-dot" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
        parts.append(told(dot, f"{words} at {cost.shown(cost.full)}"))
    return "\n".join(parts)


def _frontier(evaluation: Evaluation, axes: Axes) -> str:
    points = [(100 * row.cost_share, 100 * row.accuracy) for row in evaluation.frontier]
    return axes.line(sorted(points), "frontier") if points else ""


def _oracle(evaluation: Evaluation, axes: Axes, cost: CostAxis) -> str:
    """The oracle's mark, at the edge with an arrow if it lies beyond."""
    row = evaluation.oracle
    value = None if row is None else cost.of(row)
    if row is None or value is None:
        return ""
    at = (value, 100 * row.accuracy)
    x, y = axes.at((axes.x.clamp(at[0]), axes.y.clamp(at[1])))
    beyond = "" if axes.holds(at) else " \N{UPWARDS ARROW}"
    words = f"oracle {percent(row.accuracy)} at {cost.shown(value)}{beyond}"
    dot = told(mark("oracle", (x, y), 6), f"first right exit: {words}")
    near_end = x > (axes.x.start + axes.x.end) / 2
    name = label(
        words, (x - 12 if near_end else x + 12, y + 5), "note", "end" if near_end else "start"
    )
    return f'<g class="series m-oracle">{dot}{name}</g>'


def _clip(axes: Axes, key: str) -> str:
    corner = (axes.x.start, axes.y.end)
    inside = box(corner, (axes.x.end - axes.x.start + 1, axes.y.start - axes.y.end), "clip")
    return f'<clipPath id="inside-{key}">{inside}</clipPath>'


def _legend(series: Sequence[Series], *, with_frontier: bool) -> str:
    x, y = _PLOT[1] + 34, _PLOT[3] + 12
    parts = []
    for index, each in enumerate(series):
        at = (x + 14, y + index * _LEGEND_LINE)
        line = "" if each.name in _POINTS else polyline([(x, at[1]), (x + 28, at[1])], "line")
        words = label(each.label, (x + 38, at[1] + 4), "legend")
        kind = f"series {each.kind}"
        parts.append(f'<g class="{kind}">{line}{mark(each.name, at, 4.5)}{words}</g>')
    below = y + len(series) * _LEGEND_LINE
    if with_frontier:
        parts.append(polyline([(x, below), (x + 28, below)], "frontier"))
        parts.append(label("frontier, validation", (x + 38, below + 4), "legend"))
    return "\n".join(parts)
