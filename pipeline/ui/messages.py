"""Alarms first, then the last lines of the log."""

from collections.abc import Sequence

from rich.text import Text

from pipeline.snapshot import Snapshot
from pipeline.ui.block import Block, grid
from pipeline.ui.figures import count, printable
from pipeline.ui.theme import BAD, LABEL


def messages_block(snapshot: Snapshot, width: int, rows: int) -> Block:
    """`rows` lines: alarms take up to half of them, the newest of each last."""
    alarms, log = snapshot.alarms, snapshot.log
    table = grid(width)
    limit = min(len(alarms), max((rows + 1) // 2, rows - len(log)))
    hidden = max(snapshot.num_alarms, len(alarms)) - limit
    for alarm in _last(alarms, limit):
        table.add_row(Text(f"▲ {printable(alarm)}", BAD))
    for line in _last(log, rows - limit):
        table.add_row(Text(printable(line), LABEL))
    if not alarms and not log:
        table.add_row(Text("nothing yet", LABEL))
    title = f"alarms (+{count(hidden)} earlier) and log" if hidden else "alarms and log"
    return Block(title if alarms else "log", table, rows)


def _last(lines: Sequence[str], number: int) -> Sequence[str]:
    return lines[-number:] if number > 0 else ()
