"""What adaptation did over the last minutes, a cell a moment."""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from pipeline.snapshot import AdaptationSnap
from pipeline.ui.adaptation_lines import state_name
from pipeline.ui.bars import grouped
from pipeline.ui.theme import BAD, adaptation_mark

_CELLS: Final = {"at home": "▁", "away": "▄", "held": "◫", "full depth": "█", "frozen": "✗"}
LEGEND: Final = "▁home ▄away ◫held █full ▲alarm"


def course(states: Sequence[AdaptationSnap | None], width: int) -> Text:
    """At most `width` cells, the newest at the end; an alarm hides what else a cell holds."""
    text, alarms = Text(), None
    for group in grouped(states, width):
        known = [state for state in group if state is not None]
        cell, style = _cell(known, alarms)
        text.append(cell, style)
        alarms = known[-1].alarms if known else alarms
    return text


def _cell(states: Sequence[AdaptationSnap], alarms: int | None) -> tuple[str, str]:
    """The strongest that happened: an error, an alarm, full depth; else how it ended."""
    if not states:
        return " ", ""
    last, is_burst = states[-1], any(state.full_depth for state in states)
    name = state_name(last)
    if name != "frozen":
        if last.alarms > (states[0].alarms if alarms is None else alarms):
            return "▲", BAD
        name = "full depth" if is_burst else name
    return _CELLS[name], adaptation_mark(name)[1]
