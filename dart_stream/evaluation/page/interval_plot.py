"""A difference and its 95 % interval as a dot on a line, beside a line at 0."""

from collections.abc import Iterable

from dart_stream.evaluation.page.drawing import polyline, svg
from dart_stream.evaluation.page.scale import Scale
from dart_stream.evaluation.page.wording import interval, points

Pair = tuple[float, float]
_WIDTH, _HEIGHT = 120, 14


def common_scale(intervals: Iterable[Pair]) -> Scale:
    """Holds all intervals and 0, so that plots below each other can be compared."""
    ends = [0.0, *(end for pair in intervals for end in pair)]
    low, high = min(ends), max(ends)
    if low == high:
        low, high = -1.0, 1.0
    return Scale(low, high, 6, _WIDTH - 6)


def interval_plot(mean: float, ci95: Pair, scale: Scale, kind: str) -> str:
    """Draw one; `kind` is its class in the style sheet."""
    described = f"{points(mean)} points, 95 % interval {interval(ci95)}"
    drawn = _dot if scale.holds(ci95[0]) and scale.holds(ci95[1]) else _arrow
    zero = polyline([(scale(0), 0), (scale(0), _HEIGHT)], "zero")
    return svg((_WIDTH, _HEIGHT), described, [zero, drawn(mean, ci95, scale, kind)], "interval")


def _dot(mean: float, ci95: Pair, scale: Scale, kind: str) -> str:
    whisker = polyline([(scale(end), _HEIGHT / 2) for end in ci95], f"whisker {kind}")
    dot = f'<circle class="dot {kind}" cx="{scale(mean):.1f}" cy="{_HEIGHT / 2:g}" r="3.5"/>'
    return whisker + dot


def _arrow(mean: float, _ci95: Pair, scale: Scale, kind: str) -> str:
    """Points at what lies beyond the edge."""
    tip, back = (_WIDTH, -6) if mean > 0 else (0, 6)
    middle, x = _HEIGHT / 2, scale(scale.clamp(mean))
    head = [(tip + back, middle - 4), (tip, middle), (tip + back, middle + 4)]
    return polyline([(scale(0), middle), (x, middle)], f"beyond {kind}") + polyline(
        head, f"whisker {kind}"
    )
