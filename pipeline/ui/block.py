"""A titled part of the screen, under a ruled title where rows are dear, else in a box."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from rich.box import ROUNDED
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipeline.ui.theme import LABEL, TITLE


class Block(NamedTuple):
    """A part of the screen; `height` counts the lines of the body."""

    title: str
    body: RenderableType
    height: int


def plain(block: Block) -> Layout:
    """The block as it is; its own heads are its title."""
    return Layout(block.body, size=block.height)


def ruled(block: Block, width: int) -> Layout:
    """The block below a line with its title: one row more than its body."""
    title = _lined(block.title, width, right=False)
    return Layout(Group(title, block.body), size=block.height + 1)


def boxed(block: Block) -> Layout:
    """The block in a frame: two rows and four columns more than its body."""
    title = Text(block.title, TITLE)
    panel = Panel(block.body, title=title, title_align="left", box=ROUNDED, border_style=LABEL)
    return Layout(panel, size=block.height + 2)


def side_by_side(left: Layout, right: Layout, left_width: int, gap: int) -> Layout:
    """Two blocks in the rows of the higher one; `right` takes the columns that are left."""
    row = Layout(size=max(left.size or 1, right.size or 1))
    left.size, right.size = left_width, None
    parts = [left, Layout(Text(" "), size=gap), right] if gap else [left, right]
    row.split_row(*parts)
    return row


def fit_widths(shares: Sequence[int], needs: Sequence[int]) -> list[int]:
    """Columns that need less than their share give it to those that need more.

    While all fit, nothing moves; what moves lies as far to the right as it can.
    """
    widths = list(shares)
    for taker in reversed(range(len(widths))):
        for giver in reversed(range(len(widths))):
            spare, lack = widths[giver] - needs[giver], needs[taker] - widths[taker]
            moved = max(min(spare, lack), 0)
            widths[giver] -= moved
            widths[taker] += moved
    return widths


def grid(*widths: int, right: Collection[int] = ()) -> Table:
    """Cells in columns of fixed widths, one space between, cut with an ellipsis.

    Args:
        widths: Cells of each column.
        right: Columns that stand to the right.
    """
    table = Table.grid(padding=(0, 1, 0, 0))
    for index, width in enumerate(widths):
        table.add_column(
            width=width,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if index in right else "left",
        )
    return table


def heads(
    titles: Sequence[str], widths: Sequence[int], right: Collection[int], *, lined: bool
) -> list[Text]:
    """The first row of a grid: titles, continued by a line where the block has no frame."""
    return [
        _lined(title, width, right=column in right) if lined else Text(title, LABEL)
        for column, (title, width) in enumerate(zip(titles, widths, strict=True))
    ]


def _lined(title: str, width: int, *, right: bool) -> Text:
    """A title and a line, together `width` cells."""
    if not title:
        return Text("─" * width, LABEL)
    line = "─" * (width - cell_len(title) - 1)
    if not line:
        return Text(title, TITLE)
    if right:
        return Text.assemble((f"{line} ", LABEL), (title, TITLE))
    return Text.assemble((title, TITLE), (f" {line}", LABEL))
