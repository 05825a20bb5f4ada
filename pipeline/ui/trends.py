"""The last minutes as curves."""

from collections.abc import Iterable

from rich.text import Text

from pipeline.ui.bars import columns, condense
from pipeline.ui.block import Block, grid
from pipeline.ui.figures import duration, milliseconds, rate
from pipeline.ui.history import History
from pipeline.ui.theme import GOOD, LABEL, TREND, WARN


def trends_block(history: History, width: int, rows: int) -> Block:
    """Frames per second, compute saved and p95 latency side by side, `rows` lines high."""
    each = (width - 2) // 3
    saved = [None if spent is None else 1 - spent for spent in history.macs_fraction]
    fps_top, p95_top = _top(history.fps), _top(history.latency_p95_ms)
    size = (each - 1, rows)
    curves = [
        _curve(f"frames/s, top {rate(fps_top)}", history.fps, fps_top, TREND, size),
        _curve("compute saved, top 100 %", saved, 1.0, GOOD, size),
        _curve(
            f"latency p95, top {milliseconds(p95_top)}",
            history.latency_p95_ms,
            p95_top,
            WARN,
            size,
        ),
    ]
    table = grid(each, each, each)
    for cells in zip(*curves, strict=True):
        table.add_row(*cells)
    return Block(f"last {duration(history.span_s)}", table, rows)


def _curve(
    label: str,
    values: Iterable[float | None],
    top: float | None,
    style: str,
    size: tuple[int, int],
) -> list[Text]:
    """A label and below it vertical bars, the newest value at the right end."""
    width, rows = size
    lines = columns(condense(list(values), width), rows - 1, top or 0.0)
    return [Text(label, LABEL), *(Text(line.rjust(width), style) for line in lines)]


def _top(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
