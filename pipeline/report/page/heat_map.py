"""Coefficients of classes over time: a row a class, warm where more confidence is asked for."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.evaluation.page.drawing import Axes, box, label, polyline, svg, told
from pipeline.report.course import Course, Point
from pipeline.report.page.time_axes import LEFT, RIGHT, TOP, WIDTH, Span, time_axes, time_ticks

MOST_CLASSES: Final = 24
_ROW: Final = 20
_NAMES: Final = 110
"""Pixels that the names of classes take, left of the map."""
_BELOW: Final = 46
_NEUTRAL: Final = 0.005
"""Logits that nobody would notice."""
_LETTERS: Final = 16


def heat_map(course: Course, span: Span, classes: Sequence[str]) -> str | None:
    """Draw the classes whose coefficients moved most; None if none ever did."""
    shown = _moved_most(course)
    if not len(shown):
        return None
    height = TOP + _ROW * len(shown) + _BELOW
    axes = time_axes(span, 0.0, float(len(shown)), height)
    axes = Axes(type(axes.x)(axes.x.low, axes.x.high, LEFT + _NAMES - 46, RIGHT), axes.y)
    strongest = max(
        float(np.abs(point.coefficients[shown]).max())
        for point in course.points
        if point.coefficients is not None
    )
    parts = []
    for row, class_id in enumerate(shown):
        y = TOP + _ROW * row
        name = classes[class_id] if class_id < len(classes) else f"class {class_id}"
        parts.append(label(_short(name), (axes.x.start - 8, y + 14), "tick", "end"))
        for stretch in course.stretches:
            parts += _row(stretch, int(class_id), (axes, y), strongest)
    parts += [_clock(axes, span, TOP + _ROW * len(shown)), _key(strongest)]
    return svg((WIDTH, height), "coefficients of classes over time", parts)


def _moved_most(course: Course) -> NDArray[np.intp]:
    """Numbers of the classes that are shown, rising."""
    reach: NDArray[np.float32] | None = None
    for point in course.points:
        if point.coefficients is not None:
            now = np.abs(point.coefficients)
            reach = now if reach is None or len(reach) != len(now) else np.maximum(reach, now)
    if reach is None or reach.max() < _NEUTRAL:
        return np.empty(0, np.intp)
    return np.sort(np.argsort(-reach, kind="stable")[:MOST_CLASSES])


def _row(
    stretch: Sequence[Point], class_id: int, at: tuple[Axes, float], strongest: float
) -> list[str]:
    """One box for as long as the coefficient stays what it is."""
    axes, y = at
    runs: list[tuple[float, float, float]] = []
    for point in stretch:
        if point.coefficients is None:
            continue
        value = round(float(point.coefficients[class_id]), 2)
        if runs and runs[-1][2] == value:
            runs[-1] = runs[-1][0], point.end_s, value
        else:
            runs.append((point.begin_s, point.end_s, value))
    return [_cell(axes, y, run, strongest) for run in runs if abs(run[2]) >= _NEUTRAL]


def _cell(axes: Axes, y: float, run: tuple[float, float, float], strongest: float) -> str:
    begin_s, end_s, value = run
    x = axes.x(begin_s)
    size = (max(axes.x(end_s) - x, 0.6), _ROW - 2)
    opacity = f' opacity="{min(abs(value) / strongest, 1.0):.2f}"'
    return told(box((x, y), size, "warm" if value > 0 else "cold", opacity), f"{value:+.2f}")


def _clock(axes: Axes, span: Span, bottom: float) -> str:
    parts = [polyline([(axes.x.start, bottom), (axes.x.end, bottom)], "axis")]
    for time_s, words in time_ticks(axes.x.low, axes.x.high, about=7):
        x = axes.x(time_s)
        parts.append(polyline([(x, bottom), (x, bottom + 4)], "axis"))
        parts.append(label(words, (x, bottom + 18), "tick", "middle"))
    parts.append(label(span.zone, (axes.x.end, bottom + 36), "axis-name", "end"))
    return "\n".join(parts)


def _key(strongest: float) -> str:
    """What the colours mean."""
    x, y = RIGHT + 24, TOP + 4
    rows = (("warm", f"up to +{strongest:.2f} logits"), ("cold", f"down to -{strongest:.2f}"))
    parts = []
    for row, (kind, words) in enumerate(rows):
        at = y + 22 * row
        parts.append(box((x, at - 6), (18, 12), kind))
        parts.append(label(words, (x + 26, at + 4), "legend"))
    return "\n".join(parts)


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
