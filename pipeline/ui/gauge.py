"""A share and its bound against a limit, as one line of characters."""

import math
from typing import Final

from rich.text import Text

from pipeline.ui.theme import BAD, GOOD, LABEL, WARN

REACH: Final = 1.5
"""Limits that a whole gauge holds: the mark stands at two thirds."""


def gauge(
    share: float | None,
    upper: float | None,
    limit: float,
    width: int,
    unchanged: float | None = None,
) -> Text:
    """`width` cells: a line to the share, dashes to its bound, a mark at the limit.

    A cross stands where the share would be without the last alarm. What lies beyond the right end
    is an arrow there. Unknown values draw nothing.
    """
    text = _line(share, upper, limit, width)
    cross = min(_cells(unchanged, limit, width), width)
    if cross == 0:
        return text
    marked = text[: cross - 1].append("✕", unchanged_style(unchanged, limit))
    return marked.append_text(text[cross:])


def _line(share: float | None, upper: float | None, limit: float, width: int) -> Text:
    end, bound, mark = (_cells(value, limit, width) for value in (share, upper, limit))
    style = gauge_style(share, upper, limit)
    text = Text()
    for cell in range(width):
        if cell == width - 1 and max(end, bound) > width:
            text.append("▶", style)
        elif cell == mark - 1:
            text.append("│")
        elif cell < end:
            text.append("━", style)
        elif cell < bound:
            text.append("╌", style)
        else:
            text.append("·", LABEL)
    return text


def gauge_style(share: float | None, upper: float | None, limit: float) -> str:
    """Whether the limit is kept for sure, perhaps, or not."""
    if share is None or not math.isfinite(share):
        return LABEL
    if share > limit:
        return BAD
    return GOOD if upper is not None and upper <= limit else WARN


def unchanged_style(unchanged: float | None, limit: float) -> str:
    """Whether the last alarm was needed."""
    return BAD if unchanged is not None and unchanged > limit else LABEL


def _cells(value: float | None, limit: float, width: int) -> int:
    """Cells up to a value; any value above 0 has one, and what lies beyond has `width + 1`."""
    if value is None or not math.isfinite(value) or not 0 < limit < math.inf:
        return 0
    cells = round(min(value / (REACH * limit), 2.0) * width)
    return max(min(cells, width + 1), 1 if value > 0 else 0)
