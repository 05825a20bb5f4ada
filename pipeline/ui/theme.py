"""Colours and signs. Shapes and words carry the meaning; colour only repeats it."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from pipeline.ui.figures import printable

EXIT_COLOURS: Final = ("color(71)", "color(149)", "color(179)", "color(173)", "color(167)")
"""Early to late, green to red; out of the 256 that every terminal of today has."""
EXIT_GLYPHS: Final = "█▓▒░"
"""Early to late, so that a bar reads without colour."""

TITLE: Final = "bold"
LABEL: Final = "dim"
GOOD: Final = "color(71)"
WARN: Final = "color(179)"
BAD: Final = "bold color(167)"
TREND: Final = "color(67)"

_STATES: Final = {
    "starting": ("○", WARN),
    "running": ("●", GOOD),
    "paused": ("◫", WARN),
    "draining": ("◐", WARN),
    "done": ("✓", LABEL),
    "ended": ("✓", LABEL),
    "restarting": ("↻", WARN),
    "reconnecting": ("↻", WARN),
    "failed": ("✗", BAD),
}

_ADAPTATION: Final = {
    "at home": ("●", GOOD),
    "away": ("◆", TREND),
    "full depth": ("◐", WARN),
    "held": ("◫", WARN),
    "frozen": ("✗", BAD),
}


def exit_style(index: int, num_exits: int) -> str:
    """The colour of exit `index`, spread over the palette."""
    return EXIT_COLOURS[_spread(index, num_exits, len(EXIT_COLOURS))]


def exit_glyph(index: int, num_exits: int) -> str:
    """The shade of exit `index`."""
    return EXIT_GLYPHS[_spread(index, num_exits, len(EXIT_GLYPHS))]


def exit_name(index: int, num_exits: int) -> str:
    """`exit 0`, ..., and `full` for the whole network."""
    return "full" if index == num_exits - 1 else f"exit {index}"


def state_mark(state: str) -> tuple[str, str]:
    """Sign and colour of a state; an unknown one gets a neutral sign."""
    return _STATES.get(state, ("·", LABEL))


def adaptation_mark(state: str) -> tuple[str, str]:
    """Sign and colour of what adaptation does."""
    return _ADAPTATION[state]


def is_trouble(state: str) -> bool:
    """Whether a source or worker in this state needs a look."""
    return state in {"failed", "restarting", "reconnecting"}


def count_states(states: Iterable[str]) -> str:
    """How many are in which state; only those in trouble, if there are any."""
    counts = Counter(states)
    trouble = {state: number for state, number in counts.items() if is_trouble(state)}
    shown = trouble or counts
    return ", ".join(f"{number} {printable(state)}" for state, number in shown.items())


def _spread(index: int, count: int, steps: int) -> int:
    return round(index * (steps - 1) / (count - 1)) if count > 1 else 0
