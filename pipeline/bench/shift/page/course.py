"""A chart over the stream: bands for segments, lines for what is measured, marks for alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dart_stream.evaluation.page.drawing import Axes, box, label, polyline, svg, told
from dart_stream.evaluation.page.scale import Scale, padded
from dart_stream.evaluation.page.wording import count
from pipeline.bench.shift.document import AlarmRow, ShiftDocument

_SIZE: Final = (960, 360)
_PLOT: Final = (50, 760, 306, 40)
"""Left, right, bottom and top of the axes; the legend stands right of them."""
_LEGEND_LINE: Final = 22
_ROOM_FOR_NAMES: Final = 0.18
"""Of the height, above the lines."""
_NAME_ROWS: Final = 2
_LETTER: Final = 6.2
"""Width of a letter of a segment's name, pixels."""

LOOKS: Final = {"dart": "m-dart", "paper": "m-dart-paper", "static": "m-fixed", "full": "m-oracle"}
"""Methods that are drawn, and their class in the style sheet; tables have all."""


@dataclass(frozen=True, slots=True)
class Course:
    """A line.

    Attributes:
        name: in the legend.
        kind: class in the style sheet.
        at: region numbers.
        values: one each; None leaves a gap.
    """

    name: str
    kind: str
    at: Sequence[int]
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Extras:
    """What stands beside the lines.

    Attributes:
        limit: value of a line across, with its name.
        alarms: marks at the bottom.
        from_zero: whether the axis begins at 0.
        highest: of the axis; values above are drawn at its height.
    """

    limit: tuple[float, str] | None = None
    alarms: Sequence[AlarmRow] = ()
    from_zero: bool = False
    highest: float | None = None


def course_chart(
    document: ShiftDocument, courses: Sequence[Course], y_name: str, extras: Extras
) -> str:
    """Draw lines over the stream.

    Args:
        document: for the segments.
        courses: at least one.
        y_name: what is measured, with its unit.
        extras: see there.
    """
    axes = _axes(document, courses, extras)
    parts = [
        _bands(document, axes),
        axes.frame("region", y_name, ticks=(8, 5)),
        _limit(axes, extras),
        *(_line(course, axes, extras.highest) for course in courses),
        _names(document, axes),
        *(_alarm(alarm, axes) for alarm in extras.alarms),
        _legend(courses, extras),
    ]
    return svg(_SIZE, f"{y_name} over the stream", parts)


def _axes(document: ShiftDocument, courses: Sequence[Course], extras: Extras) -> Axes:
    values = [value for course in courses for value in course.values if value is not None]
    values += [] if extras.limit is None else [extras.limit[0]]
    low, high = padded(values or [0.0], pad=0.04, at_least=0.05)
    high = high if extras.highest is None else min(high, extras.highest)
    low = 0.0 if extras.from_zero else low
    high += _ROOM_FOR_NAMES * (high - low)
    left, right, bottom, top = _PLOT
    return Axes(Scale(0, document.n, left, right), Scale(low, high, bottom, top))


def _bands(document: ShiftDocument, axes: Axes) -> str:
    top, height = axes.y.end, axes.y.start - axes.y.end
    bands = []
    for index, segment in enumerate(document.segments):
        begin, end = axes.x(segment["begin"]), axes.x(segment["begin"] + segment["count"])
        kind = "band even" if index % 2 == 0 else "band"
        words = f"{segment['name']}, {count(segment['count'])} regions"
        bands.append(told(box((begin, top), (end - begin, height), kind), words))
    return "\n".join(bands)


def _names(document: ShiftDocument, axes: Axes) -> str:
    """Names of segments, in two rows by turns so that neighbours do not meet."""
    names = []
    for index, segment in enumerate(document.segments):
        begin = axes.x(segment["begin"])
        room = _NAME_ROWS * (axes.x(segment["begin"] + segment["count"]) - begin)
        most = max(3, int(room / _LETTER))
        name = segment["name"]
        shown = name if len(name) <= most else name[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
        y = axes.y.end + 14 + 15 * (index % _NAME_ROWS)
        names.append(label(shown, (begin + 4, y), "note"))
    return "\n".join(names)


def _line(course: Course, axes: Axes, highest: float | None) -> str:
    """A line with gaps where there is no value, flat where it would leave the chart."""
    top = axes.y.high if highest is None else min(highest, axes.y.high)
    runs: list[list[tuple[float, float]]] = [[]]
    for x, value in zip(course.at, course.values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(axes.at((x, min(value, top))))
    drawn = "".join(polyline(run, "line") for run in runs if len(run) > 1)
    return f'<g class="{course.kind}">{drawn}</g>'


def _limit(axes: Axes, extras: Extras) -> str:
    if extras.limit is None:
        return ""
    y = axes.y(extras.limit[0])
    return told(polyline([(axes.x.start, y), (axes.x.end, y)], "limit"), extras.limit[1])


def _alarm(alarm: AlarmRow, axes: Axes) -> str:
    x, y = axes.x(alarm.at), axes.y.start
    mark = f'<polygon class="alarm" points="{x:.1f},{y - 11:.1f} {x + 5:.1f},{y} {x - 5:.1f},{y}"/>'
    return told(mark, f"alarm {alarm.kind} at {count(alarm.at)}: {alarm.words}")


def _legend(courses: Sequence[Course], extras: Extras) -> str:
    x, y = _PLOT[1] + 24, _PLOT[3] + 12
    rows = [(f'class="{course.kind}"', "line", course.name) for course in courses]
    if extras.limit is not None:
        rows.append(("", "limit", extras.limit[1]))
    parts = []
    for index, (group, kind, name) in enumerate(rows):
        at = y + index * _LEGEND_LINE
        line = polyline([(x, at), (x + 26, at)], kind)
        parts.append(f"<g {group}>{line}{label(name, (x + 34, at + 4), 'legend')}</g>")
    if extras.alarms:
        at = y + len(rows) * _LEGEND_LINE
        corners = f"{x + 13},{at - 6} {x + 18},{at + 5} {x + 8},{at + 5}"
        mark = f'<polygon class="alarm" points="{corners}"/>'
        parts.append(mark + label("alarm, first seed", (x + 34, at + 4), "legend"))
    return "\n".join(parts)
