"""A snapshot as a picture for a terminal. Pure: the same snapshot gives the same picture."""

from typing import Final, NamedTuple

from rich.console import RenderableType
from rich.layout import Layout

from pipeline.snapshot import Snapshot
from pipeline.ui.block import boxed, plain, ruled, side_by_side
from pipeline.ui.exits import exits_block
from pipeline.ui.header import header
from pipeline.ui.health import workers_block
from pipeline.ui.history import History
from pipeline.ui.messages import messages_block
from pipeline.ui.sources import sources_block
from pipeline.ui.speed import speed_block
from pipeline.ui.trends import trends_block

ROOMY_WIDTH: Final = 110
ROOMY_HEIGHT: Final = 36
"""From this size on, parts get frames."""
_SPEED_ROWS: Final = 5
_TREND_ROWS: Final = 5
_MORE_TREND_ROWS: Final = 4
_LOG_ROWS: Final = 8
"""What the log has beyond these goes to the curves first."""
_GAP: Final = 3


class Rows(NamedTuple):
    """Lines of the parts whose contents vary."""

    sources: int
    workers: int
    messages: int


def render(
    snapshot: Snapshot, width: int, height: int, history: History | None = None
) -> RenderableType:
    """Draw `snapshot` for a terminal of `width` columns and `height` rows.

    Args:
        snapshot: The state of the run.
        width: Columns; 80 and more show everything.
        height: Rows; 24 and more show everything.
        history: Recent snapshots, this one included, for the curves; None leaves them out.
    """
    roomy = width >= ROOMY_WIDTH and height >= ROOMY_HEIGHT
    parts = (_roomy if roomy else _compact)(snapshot, width, height, history)
    root = Layout()
    root.split_column(*parts)
    return root


def share_rows(snapshot: Snapshot, rows: int) -> Rows:
    """Divide `rows`.

    Two sources, the ledger, a worker and a message come first, then all sources, then more messages
    and workers; the log takes what is left.
    """
    all_sources = 1 + max(len(snapshot.sources), 1)
    sources, workers, messages = min(all_sources, 3), 2, 1
    spare = max(rows - sources - workers - messages, 0)
    more_sources = min(spare, all_sources - sources)
    spare -= more_sources
    more_messages = min(spare, 2)
    spare -= more_messages
    more_workers = min(spare, max(len(snapshot.workers) - 1, 0), 3)
    spare -= more_workers
    return Rows(sources + more_sources, workers + more_workers, messages + more_messages + spare)


def _compact(snapshot: Snapshot, width: int, height: int, history: History | None) -> list[Layout]:
    """Every row carries content; parts are told apart by their ruled titles."""
    exits = min(max(snapshot.num_exits, 3), 6) + 2
    rows = share_rows(snapshot, height - (2 + exits + 2))
    left = (width - _GAP) // 2
    right = width - left - _GAP
    workers = workers_block(snapshot.workers, snapshot.ledger, width, rows.workers)
    log = messages_block(snapshot.alarms, snapshot.log, width, rows.messages)
    return [
        header(snapshot),
        plain(sources_block(snapshot.sources, width, rows.sources, lined=True)),
        side_by_side(
            plain(exits_block(snapshot, left, exits, lined=True)),
            ruled(speed_block(snapshot, right, _SPEED_ROWS, history), right),
            left,
            _GAP,
        ),
        ruled(workers, width),
        ruled(log, width),
    ]


def _roomy(snapshot: Snapshot, width: int, height: int, history: History | None) -> list[Layout]:
    """Parts in frames, with curves of the last minutes if there is a history."""
    inner, half = width - 4, width // 2
    middle = min(max(snapshot.num_exits + 2, _SPEED_ROWS), 10)
    trend_rows = 0 if history is None else _TREND_ROWS + 2
    used = 2 + 2 + (middle + 2) + trend_rows + 2 + 2
    rows = share_rows(snapshot, height - used)
    trends = []
    if history is not None:
        more = min(max(rows.messages - _LOG_ROWS, 0), _MORE_TREND_ROWS)
        rows = rows._replace(messages=rows.messages - more)
        trends = [boxed(trends_block(history, inner, _TREND_ROWS + more))]
    workers = workers_block(snapshot.workers, snapshot.ledger, inner, rows.workers)
    log = messages_block(snapshot.alarms, snapshot.log, inner, rows.messages)
    return [
        header(snapshot),
        boxed(sources_block(snapshot.sources, inner, rows.sources, lined=False)),
        side_by_side(
            boxed(exits_block(snapshot, half - 4, middle, lined=False)),
            boxed(speed_block(snapshot, width - half - 4, middle, history)),
            half,
            gap=0,
        ),
        *trends,
        boxed(workers),
        boxed(log),
    ]
