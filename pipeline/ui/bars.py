"""Shares and series as characters: lines in half cells, columns in eighths of a cell."""

import math
from collections.abc import Sequence
from typing import Final, TypeVar

from rich.text import Text

from pipeline.ui.theme import exit_glyph, exit_style

MIN_BAR: Final = 8
"""Columns in which the shares of four exits can still be told apart."""

_T = TypeVar("_T")

_LOWER: Final = " ▁▂▃▄▅▆▇█"


def bar(share: float, width: int) -> str:
    """A line from the left, `width` cells for a share of 1; any share above 0 shows."""
    share = _clip(share)
    halves = round(share * width * 2)
    if share > 0:
        halves = max(halves, 1)
    return "━" * (halves // 2) + "╸" * (halves % 2)


def stacked(shares: Sequence[float], width: int) -> Text:
    """One bar of `width` cells in which every exit has its share, colour and shade."""
    text = Text()
    for index, cells in enumerate(_cells(shares, width)):
        text.append(exit_glyph(index, len(shares)) * cells, exit_style(index, len(shares)))
    return text


def diverging(value: float, reach: float, width: int) -> tuple[str, str]:
    """What is left and right of an axis: together `width` cells, one side of it blank.

    Args:
        value: Its sign chooses the side.
        reach: Value that fills a side.
        width: Cells of both sides; an odd one goes to the right.
    """
    left, right = width // 2, width - width // 2
    line = bar(abs(value) / reach, left if value < 0 else right) if reach > 0 else ""
    if value < 0:
        return line[::-1].replace("╸", "╺").rjust(left), " " * right
    return " " * left, line.ljust(right)


def columns(values: Sequence[float], rows: int, top: float) -> list[str]:
    """Vertical bars, one cell wide and `rows` cells high at `top`; the first line is the top."""
    heights = [_clip(value / top) if top else 0.0 for value in values]
    eighths = [max(round(height * rows * 8), 1 if height else 0) for height in heights]
    return [
        "".join(_LOWER[min(max(n - 8 * row, 0), 8)] for n in eighths)
        for row in range(rows - 1, -1, -1)
    ]


def condense(values: Sequence[float | None], width: int) -> list[float]:
    """At most `width` values: means of as many neighbours as it takes; unknown ones count as 0."""
    known = [[value for value in group if value is not None] for group in grouped(values, width)]
    return [sum(group) / len(group) if group else 0.0 for group in known]


def grouped(values: Sequence[_T], width: int) -> list[Sequence[_T]]:
    """At most `width` groups of neighbours, in their order."""
    each = math.ceil(len(values) / width) if width > 0 else 0
    if not each:
        return []
    # Counted from the newest value, so that full groups do not change while the series grows.
    starts = range(len(values) - each, -each, -each)
    return [values[max(start, 0) : start + each] for start in reversed(starts)]


def _cells(shares: Sequence[float], width: int) -> list[int]:
    """`width` cells in proportion to the shares; what rounding leaves goes to the largest rest."""
    known = [_clip(share) for share in shares]
    total = sum(known)
    if total <= 0:
        return [0] * len(shares)
    wanted = [share * width / total for share in known]
    cells = [int(want) for want in wanted]
    rests = sorted(range(len(shares)), key=lambda i: cells[i] - wanted[i])
    for index in rests[: width - sum(cells)]:
        cells[index] += 1
    return cells


def _clip(share: float) -> float:
    """Into [0, 1]; what is no number has no height."""
    return min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
