"""SVG, as much of it as the page's charts need. Colours and letters are the style sheet's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from dart_stream.evaluation.page.scale import Scale
from dart_stream.evaluation.page.wording import text

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]
_TICK_GAP = 7


@dataclass(frozen=True, slots=True)
class Axes:
    """A rectangle with two axes; values in, pixels out."""

    x: Scale
    y: Scale

    def at(self, point: Point) -> Point:
        """Pixels of a point."""
        return self.x(point[0]), self.y(point[1])

    def holds(self, point: Point) -> bool:
        """Whether a point lies within both ranges."""
        return self.x.holds(point[0]) and self.y.holds(point[1])

    def line(self, points: Iterable[Point], kind: str) -> str:
        """A line through points, not cut off at the edges."""
        return polyline([self.at(point) for point in points], kind)

    def frame(self, x_label: str, y_label: str, ticks: tuple[int, int]) -> str:
        """Grid, values along both axes and what they are.

        Args:
            x_label: below the horizontal axis.
            y_label: above the vertical axis, where it can be read without turning the head.
            ticks: about how many values on each axis.
        """
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        parts = []
        for value in self.y.ticks(ticks[1]):
            y = self.y(value)
            parts += [
                polyline([(left, y), (right, y)], "grid"),
                label(f"{value:g}", (left - _TICK_GAP, y + 4), "tick", "end"),
            ]
        for value in self.x.ticks(ticks[0]):
            x = self.x(value)
            parts += [
                polyline([(x, bottom), (x, bottom + 4)], "axis"),
                label(f"{value:g}", (x, bottom + 18), "tick", "middle"),
            ]
        parts += [
            polyline([(left, bottom), (right, bottom)], "axis"),
            label(x_label, ((left + right) / 2, bottom + 38), "axis-name", "middle"),
            label(y_label, (left - 30, top - 18), "axis-name"),
        ]
        return "\n".join(parts)


def svg(
    size: tuple[float, float], described: str, parts: Sequence[str], kind: str = "chart"
) -> str:
    """A drawing.

    Args:
        size: width and height, pixels.
        described: what it shows, for those who do not see it.
        parts: elements.
        kind: class in the style sheet.
    """
    width, height = size
    body = "\n".join(part for part in parts if part)
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{text(described)}">\n{body}\n</svg>'
    )


def polyline(points: Sequence[Point], kind: str) -> str:
    """Straight lines from point to point, in pixels."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{path}"/>'


def label(words: str, at: Point, kind: str, anchor: Anchor = "start") -> str:
    """Words whose baseline begins, centres or ends at a pixel."""
    return (
        f'<text class="{kind}" x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}">'
        f"{text(words)}</text>"
    )


def box(corner: Point, size: tuple[float, float], kind: str, more: str = "") -> str:
    """A rectangle by its upper left corner; `more` are attributes."""
    (x, y), (width, height) = corner, size
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" '
        f'height="{max(height, 0):.1f}"{more}/>'
    )


def told(element: str, words: str) -> str:
    """An element that says something when pointed at."""
    return f"<g>{element}<title>{text(words)}</title></g>"
