"""Charts over the time of a run: lines, stacked shares, a heat map of classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dart_stream.evaluation.page.drawing import Axes, box, label, polyline, svg, told
from dart_stream.evaluation.page.scale import padded
from dart_stream.evaluation.page.wording import text
from pipeline.report.course import Course, Point
from pipeline.report.page.time_axes import RIGHT, TOP, WIDTH, Span, time_axes, time_frame
from pipeline.report.story import AlarmNote
from pipeline.ui.theme import exit_name

_HEIGHT: Final = 270
_LEGEND_LINE: Final = 22
_MOST_ALARM_MARKS: Final = 200
_EXIT_COLOURS: Final = 5

Of = Callable[[Point], float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """A figure over time: its name, its class in the style sheet, and what a point has of it."""

    name: str
    kind: str
    of: Of


@dataclass(frozen=True, slots=True)
class Extras:
    """What stands beside the lines.

    Attributes:
        limit: value of a line across, with its name.
        alarms: marks at the bottom.
        bursts: shade the time in which everything ran to full depth.
        most: of the axis; what is above is drawn there.
        floor: the axis reaches up to here at least.
    """

    limit: tuple[float, str] | None = None
    alarms: Sequence[AlarmNote] = ()
    bursts: bool = False
    most: float | None = None
    floor: float = 0.0


def line_chart(
    course: Course, span: Span, y_name: str, lines: Sequence[Line], extras: Extras | None = None
) -> str:
    """Draw lines that break where nothing was recorded. The axis begins at 0."""
    extras = extras or Extras()
    values = [value for point in course.points for line in lines if (value := line.of(point))]
    values += [extras.floor, *([] if extras.limit is None else [extras.limit[0]])]
    high = max(padded([0.0, *values], pad=0.06, at_least=1e-9)[1], 1e-6)
    high = high if extras.most is None else min(high, extras.most)
    axes = time_axes(span, 0.0, high, _HEIGHT)
    parts = [
        _bursts(course, axes) if extras.bursts else "",
        time_frame(axes, span, y_name),
        _limit(axes, extras),
        *(_drawn(course, line, axes) for line in lines),
        *alarm_marks(extras.alarms, axes),
        _legend(lines, extras),
    ]
    return svg((WIDTH, _HEIGHT), f"{y_name} over time", parts)


def share_chart(course: Course, span: Span, num_exits: int) -> str:
    """Stack the share of each exit, the first at the bottom."""
    axes = time_axes(span, 0.0, 100.0, _HEIGHT)
    parts = [
        *(
            _area(stretch, exit_index, axes, num_exits)
            for stretch in course.stretches
            for exit_index in range(num_exits)
        ),
        time_frame(axes, span, "regions (%)"),
    ]
    x, y = RIGHT + 24, TOP + 8
    for row, exit_index in enumerate(reversed(range(num_exits))):
        at = y + row * _LEGEND_LINE
        name = exit_name(exit_index, num_exits)
        parts.append(box((x, at - 10), (18, 12), exit_kind(exit_index, num_exits)))
        parts.append(label(name, (x + 26, at), "legend"))
    return svg((WIDTH, _HEIGHT), "share of regions that leave at each exit, over time", parts)


def exit_kind(exit_index: int, num_exits: int) -> str:
    """Class in the style sheet: green is early, red the full network, as everywhere."""
    if num_exits <= 1:
        return f"e{_EXIT_COLOURS - 1}"
    return f"e{round(exit_index * (_EXIT_COLOURS - 1) / (num_exits - 1))}"


def alarm_marks(alarms: Sequence[AlarmNote], axes: Axes) -> list[str]:
    """A triangle on the time axis for each; the words appear where it is pointed at."""
    marks = []
    for alarm in list(alarms)[-_MOST_ALARM_MARKS:]:
        if axes.x.holds(alarm.time_s):
            x, y = axes.x(alarm.time_s), axes.y.start
            corners = f"{x:.1f},{y - 11:.1f} {x + 5:.1f},{y:.1f} {x - 5:.1f},{y:.1f}"
            marks.append(told(f'<polygon class="alarm" points="{corners}"/>', alarm.words))
    return marks


def _drawn(course: Course, line: Line, axes: Axes) -> str:
    runs: list[list[tuple[float, float]]] = []
    for stretch in course.stretches:
        runs.append([])
        for point in stretch:
            value = line.of(point)
            if value is None:
                runs.append([])
            else:
                runs[-1].append(axes.at((point.middle_s, min(value, axes.y.high))))
    drawn = "".join(polyline(run, "line") for run in runs if len(run) > 1)
    return f'<g class="series {line.kind}">{drawn}</g>'


def _area(stretch: Sequence[Point], exit_index: int, axes: Axes, num_exits: int) -> str:
    lower, upper = [], []
    for point in stretch:
        shares = point.exit_shares
        if shares is not None and len(shares) == num_exits:
            below, own = sum(shares[:exit_index]), shares[exit_index]
            lower.append(axes.at((point.middle_s, 100 * below)))
            upper.append(axes.at((point.middle_s, 100 * (below + own))))
    if len(lower) < 2:
        return ""
    outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*lower, *reversed(upper)])
    return f'<polygon class="{exit_kind(exit_index, num_exits)}" points="{outline}"/>'


def _bursts(course: Course, axes: Axes) -> str:
    """Shade what ran to full depth; neighbours as one, so that no seams are seen."""
    found: list[tuple[float, float]] = []
    for point in course.points:
        if point.bursts > 0.5:
            if found and found[-1][1] >= point.begin_s - 1e-3:
                found[-1] = found[-1][0], point.end_s
            else:
                found.append((point.begin_s, point.end_s))
    top, bottom = axes.y.end, axes.y.start
    shades = [
        box((axes.x(begin), top), (max(axes.x(end) - axes.x(begin), 1), bottom - top), "burst")
        for begin, end in found
    ]
    return "\n".join(told(shade, "everything runs to full depth") for shade in shades)


def _limit(axes: Axes, extras: Extras) -> str:
    if extras.limit is None:
        return ""
    y = axes.y(extras.limit[0])
    return told(polyline([(axes.x.start, y), (axes.x.end, y)], "limit"), text(extras.limit[1]))


def _legend(lines: Sequence[Line], extras: Extras) -> str:
    x, y = RIGHT + 24, TOP + 4
    rows = [(f"series {line.kind}", "line", line.name) for line in lines]
    if extras.limit is not None:
        rows.append(("", "limit", extras.limit[1]))
    parts = []
    for row, (group, kind, name) in enumerate(rows):
        at = y + row * _LEGEND_LINE
        stroke = polyline([(x, at), (x + 24, at)], kind)
        parts.append(f'<g class="{group}">{stroke}{label(name, (x + 32, at + 4), "legend")}</g>')
    at = y + len(rows) * _LEGEND_LINE
    if extras.bursts:
        parts.append(box((x + 2, at - 7), (20, 13), "burst"))
        parts.append(label("at full depth", (x + 32, at + 4), "legend"))
        at += _LEGEND_LINE
    if extras.alarms:
        corners = f"{x + 12},{at - 6} {x + 17},{at + 5} {x + 7},{at + 5}"
        parts.append(f'<polygon class="alarm" points="{corners}"/>')
        parts.append(label("alarm", (x + 32, at + 4), "legend"))
    return "\n".join(parts)
