"""Adaptation where there is room: figures, curves and thresholds beside a bar a class."""

from collections.abc import Iterable
from typing import Final

from rich.table import Table
from rich.text import Text

from pipeline.snapshot import AdaptationSnap, Snapshot
from pipeline.ui.adaptation_lines import (
    NAME,
    alarm_text,
    frozen_text,
    gauge_line,
    rung_text,
    state_text,
)
from pipeline.ui.bars import bar, columns, condense
from pipeline.ui.block import Block, grid
from pipeline.ui.class_bars import class_block
from pipeline.ui.course import LEGEND, course
from pipeline.ui.figures import percent, short_count, threshold
from pipeline.ui.gauge import REACH, gauge_style
from pipeline.ui.history import History
from pipeline.ui.theme import LABEL, TREND, exit_name, exit_style

LEAST_ROWS: Final = 4
FAIR_ROWS: Final = 7
_GAP: Final = 3
_LEFT: Final = 66
"""Cells in which no figure is cut."""
_NOTE: Final = 30
"""Cells right of a curve; the legend fits."""
_STATE_ROWS: Final = 5
_CURVES: Final = 4
_MOST_CLASSES: Final = 12


def box_rows(snapshot: Snapshot, history: History | None) -> int:
    """Lines that the box can fill."""
    exits = snapshot.num_exits - 1
    figures = _STATE_ROWS + (0 if history is None else _CURVES) + exits
    acceptance = [] if snapshot.adaptation is None else snapshot.adaptation.acceptance
    classes = max(len(snapshot.classes), len(snapshot.policy.coefficients), len(acceptance))
    return max(min(figures, _STATE_ROWS + _CURVES + 5), min(classes, _MOST_CLASSES) + 1)


def adaptation_block(
    snapshot: Snapshot, adaptation: AdaptationSnap, width: int, rows: int, history: History | None
) -> Block:
    """`rows` lines in `width` columns."""
    left = min(max(width * 52 // 100, _LEFT), width)
    right = max(width - left - _GAP, 1)
    figures = grid(left)
    lines = _state_lines(snapshot, adaptation, left)
    if history is not None:
        lines += _curves(adaptation, history, left)
    for line in lines[:rows]:
        figures.add_row(line)
    for line in _thresholds(snapshot, left, rows - len(lines)):
        figures.add_row(line)
    both = Table.grid(padding=(0, _GAP, 0, 0))
    both.add_column(width=left)
    both.add_column(width=right)
    both.add_row(figures, class_block(snapshot, right, rows).body)
    return Block("adaptation", both, rows)


def _state_lines(snapshot: Snapshot, adaptation: AdaptationSnap, width: int) -> list[Text]:
    frozen = adaptation.frozen is not None
    return [
        Text.assemble(
            _name("state"),
            state_text(adaptation),
            (" policy ", LABEL),
            f"v{snapshot.policy.version}",
            ("  rung ", LABEL),
            rung_text(adaptation),
        ),
        gauge_line(adaptation, width),
        Text.assemble(
            _name("exit gap"),
            f"{percent(adaptation.exit_gap, 1):<8}",
            ("backbone drop ", LABEL),
            f"{percent(None if frozen else adaptation.backbone_drop, 1):<8}",
            ("repeats ", LABEL),
            percent(None if frozen else adaptation.repeats),
        ),
        Text.assemble(
            _name("alarms"), frozen_text(adaptation) if frozen else alarm_text(adaptation)
        ),
        Text.assemble(
            _name("evidence"),
            f"{short_count(adaptation.audits)}",
            (" scenes known, " if adaptation.at_home else " scenes of ", LABEL),
            f"{short_count(adaptation.window)}",
            (" regions, ", LABEL),
            percent(adaptation.confidence),
            (" sure, ", LABEL),
            percent(adaptation.audit_rate),
            (" audited", LABEL),
        ),
    ]


def _curves(adaptation: AdaptationSnap, history: History, width: int) -> list[Text]:
    """What was done, and below it what it was done for; the newest at the right end."""
    line = max(width - NAME - _NOTE - 3, 1)
    top = REACH * adaptation.epsilon
    style = gauge_style(adaptation.estimate, adaptation.upper, adaptation.epsilon)
    note = f"top {percent(top, 1)}"
    states = list(history.adaptation)
    uppers = [None if state is None else state.upper for state in states]
    estimates = [None if state is None else state.estimate for state in states]
    done = course(states, line)
    return [
        _row("course", Text(" " * (line - done.cell_len)).append_text(done), LEGEND),
        _curve("bound", uppers, top, line, note, style),
        _curve("estimate", estimates, top, line, note, style),
        _curve("compute", history.macs_fraction, 1.0, line, "of full depth, top 100 %", TREND),
    ]


def _curve(
    name: str, values: Iterable[float | None], top: float, width: int, note: str, style: str
) -> Text:
    cells = columns(condense(list(values), width), 1, top)[0]
    return _row(name, Text(cells.rjust(width), style), note)


def _row(name: str, cells: Text, note: str) -> Text:
    return Text.assemble(_name(name), cells, (f"  {note}", LABEL))


def _thresholds(snapshot: Snapshot, width: int, rows: int) -> list[Text]:
    """One early exit a line; those that do not fit stand in the header."""
    number = snapshot.num_exits
    known = [*snapshot.policy.thresholds, *([None] * number)][: number - 1]
    shown = known if len(known) <= rows else known[: max(rows - 1, 0)]
    lines = []
    for index, value in enumerate(shown):
        line = bar(value or 0.0, max(width - NAME - 7, 1))
        lines.append(
            Text.assemble(
                _name(exit_name(index, number)),
                f"{threshold(value):<5}",
                (line, exit_style(index, number)),
            )
        )
    if rows > 0 and len(shown) < len(known):
        lines.append(Text(f"and {len(known) - len(shown)} more thresholds", LABEL))
    return lines


def _name(text: str) -> tuple[str, str]:
    return f"{text:<{NAME}} ", LABEL
