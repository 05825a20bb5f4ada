"""Which run this is, and by which rules it decides."""

from typing import Final

from rich.console import Group
from rich.layout import Layout
from rich.table import Table
from rich.text import Text

from pipeline.snapshot import Snapshot
from pipeline.ui.figures import duration, printable, threshold
from pipeline.ui.theme import GOOD, LABEL, TITLE, WARN, state_mark
from pipeline.ui.view import View

HEADER_ROWS: Final = 2


def header(snapshot: Snapshot, view: View) -> Layout:
    """Two lines: the run with its age, the policy with its thresholds; the answer to a key."""
    sign, style = state_mark(snapshot.state)
    run = Text.assemble(
        ("DART Stream  ", TITLE),
        (f"{sign} {printable(snapshot.state)}", style),
        ("  run ", LABEL),
        printable(snapshot.run),
        ("  model ", LABEL),
        printable(snapshot.model),
    )
    age = Text.assemble(("up ", LABEL), duration(snapshot.uptime_s))
    if view.has_keys:
        age.append("  ? keys", LABEL)
    policy = snapshot.policy
    taus = " ".join(threshold(value) for value in policy.thresholds) or "none"
    rules = Text.assemble(
        ("policy ", LABEL),
        f"v{policy.version} {printable(policy.kind)}",
        ("  thresholds ", LABEL),
        taus,
    )
    second = _ends(rules, _troubles(snapshot)) if view.says is None else _news(view.says)
    return Layout(Group(_ends(run, age), second), size=HEADER_ROWS)


def _news(text: str) -> Text:
    style = GOOD if text.startswith("✓") else WARN
    return Text(printable(text), style, no_wrap=True, overflow="ellipsis")


def _ends(left: Text, right: Text) -> Table:
    """One line: what matters most stands at the right and is never cut by the left."""
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True, overflow="ellipsis")
    table.add_row(left, right)
    return table


def _troubles(snapshot: Snapshot) -> Text:
    restarts = Text(f"restarts {snapshot.restarts}", WARN if snapshot.restarts else LABEL)
    alarms = max(snapshot.num_alarms, len(snapshot.alarms))
    alarm = Text(f"▲ alarms {alarms}", WARN) if alarms else Text("no alarms", GOOD)
    return Text("  ").join([restarts, alarm])
