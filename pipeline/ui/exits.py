"""Where regions left, and what that saved."""

from rich.text import Text

from pipeline.snapshot import Snapshot
from pipeline.ui.bars import bar
from pipeline.ui.block import Block, grid, heads
from pipeline.ui.figures import MISSING, percent, saved
from pipeline.ui.theme import GOOD, LABEL, exit_glyph, exit_name, exit_style

_NAME, _FIGURE = 9, 7


def exits_block(snapshot: Snapshot, width: int, rows: int, *, lined: bool) -> Block:
    """Heads, a bar an exit, and the compute saved: `rows` lines in `width` columns.

    `lined` heads stand for the title.
    """
    bar_width = max(width - _NAME - 2 * _FIGURE - 3, 1)
    widths, right = (_NAME, bar_width, _FIGURE, _FIGURE), (2, 3)
    table = grid(*widths, right=right)
    titles = ("exits" if lined else "", "", "recent", "total")
    table.add_row(*heads(titles, widths, right, lined=lined))
    shown = _shown(snapshot.num_exits, rows - 2)
    for index in shown:
        table.add_row(*_row(snapshot, index, bar_width))
    for _ in range(rows - 2 - len(shown)):
        table.add_row()
    table.add_row(
        Text("saved", GOOD),
        Text(_saved_bar(snapshot.recent_macs_fraction, bar_width), GOOD),
        saved(snapshot.recent_macs_fraction),
        saved(snapshot.macs_fraction),
    )
    return Block("exits and compute saved", table, rows)


def _shown(num_exits: int, rows: int) -> list[int]:
    """The first exits and the last one, as many as fit."""
    if num_exits <= rows:
        return list(range(num_exits))
    return [*range(max(rows - 1, 0)), num_exits - 1][: max(rows, 0)]


def _row(snapshot: Snapshot, index: int, bar_width: int) -> list[Text]:
    count = snapshot.num_exits
    style = exit_style(index, count)
    recent = _share(snapshot.recent_exits, index)
    name = Text.assemble((exit_glyph(index, count), style), " ", exit_name(index, count))
    return [
        name,
        Text(bar(recent or 0.0, bar_width), style),
        Text(percent(recent, 1)),
        Text(percent(_share(snapshot.exits, index), 1), LABEL),
    ]


def _share(shares: list[float], index: int) -> float | None:
    """None before the first region, when shares are missing or all zero."""
    return shares[index] if index < len(shares) and sum(shares) > 0 else None


def _saved_bar(macs_fraction: float | None, width: int) -> str:
    return MISSING if macs_fraction is None else bar(1 - macs_fraction, width)
