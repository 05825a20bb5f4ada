"""Numbers and names as the page writes them. Everything that comes from data passes here."""

from collections.abc import Sequence
from html import escape
from typing import Final

MINUS: Final = "\N{MINUS SIGN}"
_THIN: Final = "\N{NARROW NO-BREAK SPACE}"
NOT_MEASURED: Final = '<span class="none" title="not measured">\N{EM DASH}</span>'

Pair = tuple[float, float]


def text(value: object) -> str:
    """Anything, safe between tags and in quoted attributes."""
    return escape(str(value))


def percent(share: float, decimals: int = 1) -> str:
    """A share of [0, 1] in per cent."""
    return f"{100 * share:.{decimals}f}{_THIN}%"


def of_budget(share: float) -> str:
    """A budget in per cent, with no more decimals than it has."""
    return f"{100 * share:g}{_THIN}%"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    rounded = round(100 * difference, 2)
    if rounded == 0:
        return "0.00"
    return f"{rounded:+.2f}".replace("-", MINUS)


def interval(ci95: Pair) -> str:
    """The 95 % interval of a difference, in percentage points."""
    return f"{points(ci95[0])} to {points(ci95[1])}"


def milliseconds(value: float) -> str:
    """A time with three figures or so."""
    decimals = next((d for d, below in ((3, 1), (2, 10), (1, 100)) if value < below), 0)
    return f"{value:,.{decimals}f}{_THIN}ms"


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}"


def millions(value: float) -> str:
    """Multiply-accumulates in millions."""
    return f"{value / 1e6:,.2f}{_THIN}million"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: `a`, `a and b`, `a, b and c`."""
    safe = [text(name) for name in names]
    return " and ".join([", ".join(safe[:-1]), safe[-1]] if len(safe) > 1 else safe)
