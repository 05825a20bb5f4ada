"""Axes whose horizontal one is the clock."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dart_stream.evaluation.page.drawing import Axes, label, polyline
from dart_stream.evaluation.page.scale import Scale

WIDTH: Final = 960
LEFT: Final = 56
RIGHT: Final = 790
"""The legend stands right of it."""
TOP: Final = 34
_BELOW: Final = 46
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 7, 14, 28, 91, 182, 364)),
)


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a page shows, Unix seconds."""

    begin_s: float
    end_s: float

    @property
    def zone(self) -> str:
        """Name of the time zone in which times are written."""
        return datetime.fromtimestamp(self.end_s).astimezone().strftime("%Z")


def time_axes(span: Span, low: float, high: float, height: float) -> Axes:
    """Axes of a chart of `height` pixels; values from `low` to `high`."""
    end_s = max(span.end_s, span.begin_s + 1)
    return Axes(Scale(span.begin_s, end_s, LEFT, RIGHT), Scale(low, high, height - _BELOW, TOP))


def time_frame(axes: Axes, span: Span, y_name: str, y_ticks: int = 4) -> str:
    """Grid, values and times along both axes; `y_name` stands above the vertical one."""
    left, right, bottom = axes.x.start, axes.x.end, axes.y.start
    parts = []
    for value in axes.y.ticks(y_ticks):
        y = axes.y(value)
        parts += [
            polyline([(left, y), (right, y)], "grid"),
            label(f"{value:,g}", (left - 7, y + 4), "tick", "end"),
        ]
    for time_s, words in time_ticks(axes.x.low, axes.x.high, about=7):
        x = axes.x(time_s)
        parts += [
            polyline([(x, bottom), (x, bottom + 4)], "axis"),
            label(words, (x, bottom + 18), "tick", "middle"),
        ]
    parts += [
        polyline([(left, bottom), (right, bottom)], "axis"),
        label(span.zone, (right, bottom + 36), "axis-name", "end"),
        label(y_name, (left - 40, TOP - 14), "axis-name"),
    ]
    return "\n".join(parts)


def time_ticks(begin_s: float, end_s: float, about: int) -> list[tuple[float, str]]:
    """Some `about` round moments of the local clock, and how they are written."""
    rough = (end_s - begin_s) / about
    step = next((step for step in _STEPS if step >= rough), _STEPS[-1])
    offset = datetime.fromtimestamp(begin_s).astimezone().utcoffset()
    shift = 0.0 if offset is None else offset.total_seconds()
    first = -int(-(begin_s + shift) // step)
    last = int((end_s + shift) // step)
    form = _form(step, end_s - begin_s)
    return [
        (n * step - shift, datetime.fromtimestamp(n * step - shift).astimezone().strftime(form))
        for n in range(first, last + 1)
    ]


def _form(step: int, length_s: float) -> str:
    if step >= _DAY:
        return "%d %b"
    clock = "%H:%M:%S" if step < _MINUTE else "%H:%M"
    return f"%d %b {clock}" if length_s > _DAY else clock
