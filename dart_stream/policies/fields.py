"""Checks of the values in a policy's body: each error names the field, what it wants and got."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dart_stream.errors import PolicyError

Thresholds = tuple[float | None, ...]
"""One entry per early exit; None disables that exit, which no number can express by accident."""


def require_keys(
    body: Mapping[str, Any], kind: str, required: Collection[str], optional: Collection[str] = ()
) -> None:
    """Refuse a body with a key too few or too many ("kind" is always expected)."""
    found = set(body)
    missing = {"kind", *required} - found
    unknown = found - {"kind", *required, *optional}
    if missing or unknown:
        allowed = sorted({*required, *optional})
        raise PolicyError(
            f"policy {kind!r}: expected keys {allowed}, "
            f"got unknown {sorted(map(str, unknown))}, missing {sorted(missing)}"
        )


def read_list(body: Mapping[str, Any], kind: str, key: str) -> list[Any]:
    """Return the list under `key`."""
    value = body[key]
    if not isinstance(value, (list, tuple)):
        raise PolicyError(f"policy {kind!r}: {key}: expected a list, got {value!r}")
    return list(value)


def require_thresholds(kind: str, thresholds: Thresholds, *, open_interval: bool = False) -> None:
    """Refuse a threshold outside [0, 1], or outside (0, 1) if `open_interval`."""
    for index, value in enumerate(thresholds):
        if value is None:
            continue
        inside = is_number(value) and (0 < value < 1 if open_interval else 0 <= value <= 1)
        if not inside:
            wanted = "(0, 1)" if open_interval else "[0, 1]"
            raise PolicyError(
                f"policy {kind!r}: thresholds[{index}]: "
                f"expected a number in {wanted} or null, got {value!r}"
            )


def require_numbers(kind: str, key: str, values: Iterable[Any], *, low: float, high: float) -> None:
    """Refuse anything that is not a number in [low, high]."""
    for value in values:
        if not is_number(value) or not low <= value <= high:
            raise PolicyError(
                f"policy {kind!r}: {key}: expected a number in [{low:g}, {high:g}], got {value!r}"
            )


def require_count(kind: str, key: str, *, expected: int, got: int, what: str) -> None:
    """Refuse a list whose length does not fit the model."""
    if got != expected:
        raise PolicyError(
            f"policy {kind!r}: {key}: expected {expected} ({what}), got {got} "
            "(was it made for another model?)"
        )


def is_number(value: Any) -> bool:
    """Say whether this is a finite int or float (a bool is none)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False
