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
    groups = _groups(snapshot.num_exits, rows - 2)
    for group in groups:
        table.add_row(*_row(snapshot, group, bar_width))
    for _ in range(rows - 2 - len(groups)):
        table.add_row()
    table.add_row(
        Text("saved", GOOD),
        Text(_saved_bar(snapshot.recent_macs_fraction, bar_width), GOOD),
        saved(snapshot.recent_macs_fraction),
        saved(snapshot.macs_fraction),
    )
    return Block("exits and compute saved", table, rows)


def _groups(num_exits: int, rows: int) -> list[range]:
    """The exits of each row: one apiece, or those before the last summed where they do not fit."""
    if num_exits <= rows:
        return [range(i, i + 1) for i in range(num_exits)]
    alone = rows - 2
    return [
        *(range(i, i + 1) for i in range(alone)),
        range(alone, num_exits - 1),
        range(num_exits - 1, num_exits),
    ]


def _row(snapshot: Snapshot, group: range, bar_width: int) -> list[Text]:
    count = snapshot.num_exits
    style = exit_style(group[0], count)
    recent = _share(snapshot.recent_exits, group)
    name = exit_name(group[0], count) if len(group) == 1 else f"{len(group)} more"
    return [
        Text.assemble((exit_glyph(group[0], count), style), " ", name),
        Text(bar(recent or 0.0, bar_width), style),
        Text(percent(recent, 1)),
        Text(percent(_share(snapshot.exits, group), 1), LABEL),
    ]


def _share(shares: list[float], group: range) -> float | None:
    """None before the first region, when shares are missing or all zero."""
    if group[-1] >= len(shares) or not sum(shares) > 0:
        return None
    return sum(shares[index] for index in group)


def _saved_bar(macs_fraction: float | None, width: int) -> str:
    return MISSING if macs_fraction is None else bar(1 - macs_fraction, width)
