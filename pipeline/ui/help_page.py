"""The page that explains keys and words."""

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.ui.theme import LABEL, TITLE

_KEYS: Final = (
    ("q", "quit: the run finishes what it has accepted and ends"),
    ("p", "pause; again to go on"),
    ("f", "freeze adaptation: the policy stays, audits go on; again to let it adapt"),
    ("r", "roll back to the policy before the last change, and freeze"),
    ("+ -", "raise or lower the limit on answers that differ from full depth"),
    ("?", "this page; again to go back"),
)
_QUIT_ATTACHED: Final = "quit: this screen only, the run goes on"

_WORDS: Final = (
    ("exit", "where an answer left the network; `full` is the whole of it"),
    ("audit", "a region run to full depth by a coin, to see whether the answers differ"),
    ("disagree", "share of audits that differ, its upper bound, and the limit it keeps to"),
    ("▲ ✕", "alarms, and the share that would differ had the last one changed nothing"),
    ("scenes", "audits that count: of what did not just repeat the picture before"),
    ("rung", "thresholds in use, from safe (1) to quick; none is full depth"),
    ("at home", "the stream looks like the calibration pictures, which count as audits"),
    ("away", "the stream looks otherwise; evidence is of this stream alone"),
    ("exit gap", "accuracy lost by leaving early is no more than this"),
    ("backbone drop", "accuracy that full depth itself seems to have lost"),
    ("pseudo-labels", "audits sure enough to teach the coefficients of their class"),
)


def help_page(width: int, height: int, *, attached: bool) -> RenderableType:
    """Keys first; words as far as they fit.

    Args:
        width: Columns.
        height: Rows.
        attached: The screen can leave without the run.
    """
    keys = [(key, _QUIT_ATTACHED if key == "q" and attached else text) for key, text in _KEYS]
    room = max(height - len(keys) - 4, 0)
    return Group(
        Text("Keys", TITLE),
        _table(keys, width),
        Text(""),
        Text("Words", TITLE if room else LABEL),
        _table(list(_WORDS[:room]), width),
    )


def _table(rows: list[tuple[str, str]], width: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.width = width
    table.add_column(width=14, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for name, text in rows:
        table.add_row(Text(name), Text(text, LABEL))
    return table
