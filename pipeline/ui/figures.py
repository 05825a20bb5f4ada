"""Figures as a person reads them; what is missing or not finite is a dash, never a zero."""

import math
from typing import Final

MISSING: Final = "\N{EN DASH}"


def rate(value: float | None) -> str:
    """A rate or another small figure: three places or whole thousands."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.1f}" if abs(value) < 1000 else f"{value:,.0f}"


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}"


def short_count(value: int) -> str:
    """A whole number in at most six characters."""
    if value < 100_000:
        return f"{value:,}"
    for unit, size in (("k", 1e3), ("M", 1e6), ("G", 1e9)):
        if value < 999.5 * size:
            return f"{value / size:.3g}{unit}"
    return f"{value / 1e12:.3g}T"


def percent(share: float | None, digits: int = 0) -> str:
    """A share of 1 as per cent."""
    if share is None or not math.isfinite(share):
        return MISSING
    # Adding 0 turns a rounded -0 into 0.
    return f"{round(100 * share, digits) + 0:.{digits}f} %"


def saved(macs_fraction: float | None) -> str:
    """The part of full depth's compute that was not spent, as per cent."""
    return percent(None if macs_fraction is None else 1 - macs_fraction)


def bare_milliseconds(value: float | None) -> str:
    """Milliseconds without the unit."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def milliseconds(value: float | None) -> str:
    """Milliseconds, or seconds and more where those are easier to read; with the unit."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 10:
        return f"{value:.1f} ms"
    if value < 10_000:
        return f"{value:.0f} ms"
    return duration(value / 1e3)


def duration(seconds: float | None) -> str:
    """12.3 s, 1:02, 1:02:03 or 2 d 03:04."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} d {hour:02}:{minute:02}"
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def watts(value: float | None) -> str:
    """Watts with the unit."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.1f} W"


def joules(value: float | None) -> str:
    """Joules with the unit that keeps the figure short."""
    if value is None or not math.isfinite(value):
        return MISSING
    for unit, size in (("J", 1.0), ("kJ", 1e3), ("MJ", 1e6)):
        if value < 1000 * size:
            return f"{value / size:.1f} {unit}"
    return f"{value / 1e9:.1f} GJ"


def threshold(value: float | None) -> str:
    """An exit's threshold; an exit without one never fires."""
    return "off" if value is None else f"{value:.2f}"


def coefficient(value: float | None) -> str:
    """A coefficient in logits, always with its sign."""
    if value is None or not math.isfinite(value):
        return MISSING
    # Adding 0 turns a rounded -0 into 0.
    return f"{round(value, 2) + 0:+.2f}"


def printable(text: str) -> str:
    """`text` on one line and without anything that could steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
