"""A snapshot as a picture for a terminal. Pure: the same snapshot gives the same picture."""

from typing import Final

from rich.console import RenderableType
from rich.layout import Layout
from rich.text import Text

from pipeline.snapshot import Snapshot
from pipeline.ui.adaptation_box import FAIR_ROWS, LEAST_ROWS, adaptation_block, box_rows
from pipeline.ui.adaptation_lines import compact_block, compact_rows
from pipeline.ui.block import Block, boxed, plain, ruled, side_by_side
from pipeline.ui.exits import exits_block
from pipeline.ui.header import HEADER_ROWS, header
from pipeline.ui.health import workers_block
from pipeline.ui.help_page import help_page
from pipeline.ui.history import History
from pipeline.ui.messages import messages_block
from pipeline.ui.rows import Wish, share_rows
from pipeline.ui.sources import sources_block
from pipeline.ui.speed import speed_block
from pipeline.ui.trends import trends_block
from pipeline.ui.view import View

ROOMY_WIDTH: Final = 110
ROOMY_HEIGHT: Final = 36
"""From this size on, parts get frames."""
_ADAPTATION_HEIGHT: Final = 4
"""What the frame of adaptation needs beyond that."""
_SPEED_ROWS: Final = 5
_TREND_ROWS: Final = 5
_MORE_TREND_ROWS: Final = 4
_LOG_ROWS: Final = 8
"""What the log has beyond these goes to the curves first."""
_GAP: Final = 3


def render(
    snapshot: Snapshot,
    width: int,
    height: int,
    history: History | None = None,
    view: View = View(),  # noqa: B008 - immutable
) -> RenderableType:
    """Draw `snapshot` for a terminal of `width` columns and `height` rows.

    Args:
        snapshot: The state of the run.
        width: Columns; 80 and more show everything.
        height: Rows; 24 and more show everything.
        history: Recent snapshots, this one included, for the curves; None leaves them out.
        view: What a person asked of the screen.
    """
    more = 0 if snapshot.adaptation is None else _ADAPTATION_HEIGHT
    roomy = width >= ROOMY_WIDTH and height >= ROOMY_HEIGHT + more
    root, top = Layout(), header(snapshot, view)
    if view.shows_help:
        page = Layout(help_page(width, height - HEADER_ROWS - 1, attached=view.attached))
        root.split_column(top, Layout(Text(""), size=1), page)
    else:
        parts = (_roomy if roomy else _compact)(snapshot, width, height, history)
        root.split_column(top, *parts)
    return root


def _compact(snapshot: Snapshot, width: int, height: int, history: History | None) -> list[Layout]:
    """Every row carries content; parts are told apart by their ruled titles."""
    exits = min(max(snapshot.num_exits, 3), 6) + 2
    least, most = compact_rows(snapshot)
    rows = share_rows(snapshot, height - (2 + exits + 2), Wish(least, most, most))
    left = (width - _GAP) // 2
    right = width - left - _GAP
    workers = workers_block(snapshot.workers, snapshot.ledger, width, rows.workers)
    log = messages_block(snapshot, width, rows.messages)
    return [
        plain(sources_block(snapshot.sources, width, rows.sources, lined=True)),
        side_by_side(
            plain(exits_block(snapshot, left, exits, lined=True)),
            ruled(speed_block(snapshot, right, _SPEED_ROWS, history), right),
            left,
            _GAP,
        ),
        *_plain_rows(compact_block(snapshot, width, rows.adaptation)),
        ruled(workers, width),
        ruled(log, width),
    ]


def _plain_rows(block: Block) -> list[Layout]:
    """The block as it is, or nothing if there is no row for it."""
    return [plain(block)] if block.height else []


def _roomy(snapshot: Snapshot, width: int, height: int, history: History | None) -> list[Layout]:
    """Parts in frames, with curves of the last minutes if there is a history."""
    inner, half = width - 4, width // 2
    middle = min(max(snapshot.num_exits + 2, _SPEED_ROWS), 10)
    trend_rows = 0 if history is None else _TREND_ROWS + 2
    adapts = snapshot.adaptation is not None
    used = 2 + 2 + (middle + 2) + trend_rows + (2 if adapts else 0) + 2 + 2
    wish = Wish(LEAST_ROWS, FAIR_ROWS, box_rows(snapshot, history)) if adapts else Wish(0, 1, 1)
    rows = share_rows(snapshot, height - used, wish)
    trends = []
    if history is not None:
        more = min(max(rows.messages - _LOG_ROWS, 0), _MORE_TREND_ROWS)
        rows = rows._replace(messages=rows.messages - more)
        trends = [boxed(trends_block(history, inner, _TREND_ROWS + more))]
    workers = workers_block(snapshot.workers, snapshot.ledger, inner, rows.workers)
    log = messages_block(snapshot, inner, rows.messages)
    return [
        boxed(sources_block(snapshot.sources, inner, rows.sources, lined=False)),
        side_by_side(
            boxed(exits_block(snapshot, half - 4, middle, lined=False)),
            boxed(speed_block(snapshot, width - half - 4, middle, history)),
            half,
            gap=0,
        ),
        *_adaptation(snapshot, inner, rows.adaptation, history),
        *trends,
        boxed(workers),
        boxed(log),
    ]


def _adaptation(snapshot: Snapshot, width: int, rows: int, history: History | None) -> list[Layout]:
    """In a frame; one line without a frame where there is none."""
    if snapshot.adaptation is None:
        return _plain_rows(compact_block(snapshot, width, rows))
    return [boxed(adaptation_block(snapshot, snapshot.adaptation, width, rows, history))]
