"""How a method looks in charts: its colour and its mark, so that neither has to do alone."""

from collections.abc import Mapping
from typing import Final

from dart_stream.evaluation.page.drawing import Point

Corners = tuple[Point, ...]

BASELINE: Final = "random"
"""Far below the others: what it does decides no range of an axis."""

_SQUARE: Final[Corners] = ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85))
_DIAMOND: Final[Corners] = ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0))
_UP: Final[Corners] = ((0, -1.15), (1.1, 0.85), (-1.1, 0.85))
_DOWN: Final[Corners] = ((0, 1.15), (1.1, -0.85), (-1.1, -0.85))
_CROSS: Final[Corners] = (
    *((-1.1, -0.35), (-0.35, -0.35), (-0.35, -1.1), (0.35, -1.1), (0.35, -0.35), (1.1, -0.35)),
    *((1.1, 0.35), (0.35, 0.35), (0.35, 1.1), (-0.35, 1.1), (-0.35, 0.35), (-1.1, 0.35)),
)
_PENTAGON: Final[Corners] = ((0, -1.1), (1.05, -0.34), (0.65, 0.9), (-0.65, 0.9), (-1.05, -0.34))
_SHAPES: Final[Mapping[str, Corners]] = {
    "dart-paper": _SQUARE,
    "shared": _DIAMOND,
    "branchynet": _UP,
    "patience": _DOWN,
    "fixed": _CROSS,
    "dynamic": _PENTAGON,
    "oracle": _DIAMOND,
}
_COLOURED: Final = frozenset({*_SHAPES, "dart", "random", "single", "static"})


def look(name: str) -> str:
    """Class of a method in the style sheet; methods that it does not know look alike."""
    return f"m-{name}" if name in _COLOURED else "m-other"


def mark(name: str, at: Point, radius: float) -> str:
    """A method's mark around a pixel."""
    (x, y), corners = at, _SHAPES.get(name)
    if corners is None:
        return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'
    path = " ".join(f"{x + radius * dx:.1f},{y + radius * dy:.1f}" for dx, dy in corners)
    return f'<polygon class="mark" points="{path}"/>'
