"""Shares and series as block characters, in eighths of a cell."""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from pipeline.ui.theme import exit_glyph, exit_style

_LEFT: Final = " ▏▎▍▌▋▊▉█"
_LOWER: Final = " ▁▂▃▄▅▆▇█"


def bar(share: float, width: int) -> str:
    """A bar from the left, `width` cells for a share of 1; any share above 0 shows."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    if share > 0:
        eighths = max(eighths, 1)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_LEFT[rest] if rest else "")).ljust(width)


def stacked(shares: Sequence[float], width: int) -> Text:
    """One bar of `width` cells in which every exit has its share, colour and shade."""
    text = Text()
    for index, cells in enumerate(_cells(shares, width)):
        text.append(exit_glyph(index, len(shares)) * cells, exit_style(index, len(shares)))
    return text


def columns(values: Sequence[float], rows: int, top: float) -> list[str]:
    """Vertical bars, one cell wide and `rows` cells high at `top`; the first line is the top."""
    eighths = [round(min(max(value / top, 0.0), 1.0) * rows * 8) if top else 0 for value in values]
    eighths = [max(n, 1) if value > 0 else n for n, value in zip(eighths, values, strict=True)]
    return [
        "".join(_LOWER[min(max(n - 8 * row, 0), 8)] for n in eighths)
        for row in range(rows - 1, -1, -1)
    ]


def _cells(shares: Sequence[float], width: int) -> list[int]:
    """`width` cells in proportion to the shares; what rounding leaves goes to the largest rest."""
    total = sum(shares)
    if total <= 0:
        return [0] * len(shares)
    wanted = [share * width / total for share in shares]
    cells = [int(want) for want in wanted]
    rests = sorted(range(len(shares)), key=lambda i: cells[i] - wanted[i])
    for index in rests[: width - sum(cells)]:
        cells[index] += 1
    return cells
