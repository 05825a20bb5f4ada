"""What adaptation does, in words and in two to four lines."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from pipeline.snapshot import AdaptationSnap, Snapshot
from pipeline.ui.bars import columns
from pipeline.ui.block import Block, grid
from pipeline.ui.class_bars import class_name, coefficients, scale
from pipeline.ui.figures import MISSING, coefficient, percent, printable, short_count
from pipeline.ui.gauge import gauge, gauge_style, unchanged_style
from pipeline.ui.theme import BAD, GOOD, LABEL, TITLE, TREND, WARN, adaptation_mark

NAME: Final = 10
"""Cells of the names of lines."""
_SHARE, _UPPER, _LIMIT = 7, 9, 12
_MOST_COLUMNS: Final = 20
"""Classes that a line can show one by one."""


def compact_rows(snapshot: Snapshot) -> tuple[int, int]:
    """Lines that `compact_block` needs at least, and those that it can fill."""
    adaptation = snapshot.adaptation
    if adaptation is None:
        return 0, 1
    return (2, 2) if adaptation.frozen is not None else (2, 4)


def compact_block(snapshot: Snapshot, width: int, rows: int) -> Block:
    """`rows` lines in `width` columns, the first one a title."""
    adaptation, table = snapshot.adaptation, grid(width)
    if adaptation is None:
        lines = [off_line(snapshot)]
    elif adaptation.frozen is not None:
        lines = [_title(snapshot, adaptation, width), frozen_text(adaptation)]
    else:
        lines = [
            _title(snapshot, adaptation, width),
            gauge_line(adaptation, width, f"scenes {short_count(adaptation.audits)}".rjust(14)),
            _losses(adaptation),
            _classes(snapshot, adaptation),
        ]
    for line in lines[:rows]:
        table.add_row(line)
    return Block("adaptation", table, rows)


def off_line(snapshot: Snapshot) -> Text:
    """That there is none, and why."""
    why = snapshot.adaptation_off
    return Text(f"adaptation off: {printable(why)}" if why else "adaptation off", LABEL)


def frozen_text(adaptation: AdaptationSnap) -> Text:
    """Why the policy does not change any more."""
    return Text(f"the policy stays as it is: {printable(adaptation.frozen or '')}", BAD)


def state_name(adaptation: AdaptationSnap) -> str:
    """One of five."""
    if adaptation.frozen is not None:
        return "frozen"
    if adaptation.held is not None:
        return "held"
    if adaptation.full_depth:
        return "full depth"
    return "at home" if adaptation.at_home else "away"


def state_text(adaptation: AdaptationSnap) -> Text:
    """The state with its sign, always of the same width."""
    name = state_name(adaptation)
    sign, style = adaptation_mark(name)
    return Text(f"{sign} {name:<10}", style)


def rung_text(adaptation: AdaptationSnap) -> Text:
    """Where on the ladder from safe to aggressive."""
    if adaptation.frozen is not None or not adaptation.rungs:
        return Text(MISSING)
    rung = "none" if adaptation.rung < 0 else f"{adaptation.rung + 1}"
    return Text(f"{rung} of {adaptation.rungs}").append(f", {adaptation.released} released", LABEL)


def gauge_line(adaptation: AdaptationSnap, width: int, note: str = "") -> Text:
    """Audited disagreement and its bound against the limit, then `note`; `width` cells.

    Figures have cells of their own, so that nothing moves when they grow.
    """
    share, upper, limit = adaptation.estimate, adaptation.upper, adaptation.epsilon
    bound = f"≤ {percent(upper, 2)}"
    tail = f" {bound:<{_UPPER}} {f'limit {percent(limit, 1)}':<{_LIMIT}}{note}"
    line = max(width - NAME - 1 - _SHARE - 1 - cell_len(tail), 0)
    return Text.assemble(
        (f"{'disagree':<{NAME}} ", LABEL),
        (f"{percent(share, 2):<{_SHARE}} ", gauge_style(share, upper, limit)),
        gauge(share, upper, limit, line, adaptation.unchanged),
        tail,
    )


def accepted(adaptation: AdaptationSnap) -> float | None:
    """Mean over the classes of what is sure enough to teach."""
    known = [share for share in adaptation.acceptance if share is not None]
    return sum(known) / len(known) if known else None


def alarm_text(adaptation: AdaptationSnap) -> Text:
    """How many, the last one, and what is being done."""
    if adaptation.held is not None:
        return Text(f"◫ {printable(adaptation.held)}", WARN)
    if not adaptation.alarms:
        return Text("no alarm", GOOD)
    text = Text(f"▲ {short_count(adaptation.alarms)}", WARN)
    if adaptation.unchanged is not None:
        style = unchanged_style(adaptation.unchanged, adaptation.epsilon)
        text.append(f" ✕ {percent(adaptation.unchanged, 1)}", style)
    text.append(f"  {printable(adaptation.last_alarm or '')}")
    return text.append("; now full depth" if adaptation.full_depth else "", WARN)


def _title(snapshot: Snapshot, adaptation: AdaptationSnap, width: int) -> Text:
    text = Text.assemble(
        ("adaptation ", TITLE),
        state_text(adaptation),
        (" policy ", LABEL),
        f"v{snapshot.policy.version}",
        ("  rung ", LABEL),
        rung_text(adaptation),
        ("  audits ", LABEL),
        percent(adaptation.audit_rate),
    )
    return text.append(f" {'─' * (width - text.cell_len - 1)}", LABEL)


def _losses(adaptation: AdaptationSnap) -> Text:
    return Text.assemble(
        (f"{'exit gap':<{NAME}} ", LABEL),
        f"{percent(adaptation.exit_gap, 1):<8}",
        ("backbone drop ", LABEL),
        f"{percent(adaptation.backbone_drop, 1):<8}",
        alarm_text(adaptation),
    )


def _classes(snapshot: Snapshot, adaptation: AdaptationSnap) -> Text:
    """How many audits may teach, a column a class, the two classes furthest apart."""
    known = coefficients(snapshot)
    text = Text.assemble(
        (f"{'classes':<{NAME}} pseudo-labels ", LABEL), f"{percent(accepted(adaptation)):<7}"
    )
    if not known:
        return text.append("no coefficient in use", LABEL)
    if len(known) <= _MOST_COLUMNS:
        text.append(f"{_small(known)}  ", TREND)
    for index in (known.index(min(known)), known.index(max(known))):
        text.append(f"{coefficient(known[index])} ")
        text.append(f"{class_name(snapshot, index)}  ", LABEL)
    return text


def _small(values: Sequence[float]) -> str:
    """Half a cell is 0."""
    reach = scale(values)
    return columns([0.5 + value / reach / 2 for value in values], 1, 1.0)[0]
