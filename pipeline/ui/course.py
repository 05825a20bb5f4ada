"""What adaptation did over the last minutes, a cell a moment."""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from pipeline.snapshot import AdaptationSnap
from pipeline.ui.bars import grouped
from pipeline.ui.theme import BAD, adaptation_mark

LEGEND: Final = "▁ home ▄ away █ full ▲ alarm"


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
    """The strongest that happened: an alarm, then full depth, then away."""
    if not states:
        return " ", ""
    if alarms is None:
        alarms = states[0].alarms
    if states[-1].frozen is not None:
        return "✗", adaptation_mark("frozen")[1]
    if states[-1].alarms > alarms:
        return "▲", BAD
    if any(state.full_depth for state in states):
        return "█", adaptation_mark("full depth")[1]
    if states[-1].at_home:
        return "▁", adaptation_mark("at home")[1]
    return "▄", adaptation_mark("away")[1]
