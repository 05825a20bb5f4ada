"""Settings in words, for tables."""

from collections.abc import Sequence


def describe_thresholds(thresholds: Sequence[float | None]) -> str:
    """One number per early exit, a dash where the exit is disabled."""
    return " ".join("-" if tau is None else f"{tau:.3f}" for tau in thresholds)
