"""Vectors of thresholds that are safer than one that was chosen: the same, raised."""

from collections.abc import Sequence

import numpy as np

from dart_stream.thresholds.scores import probability_of


def raised(
    thresholds: Sequence[float | None], rises: Sequence[float]
) -> list[tuple[float | None, ...]]:
    """The thresholds, raised by each of `rises` in turn; a disabled exit stays disabled.

    Args:
        thresholds: one per early exit, in (0, 1).
        rises: in logits.
    """
    return [
        tuple(
            None if tau is None else probability_of(float(np.log(tau / (1 - tau)) + rise))
            for tau in thresholds
        )
        for rise in rises
    ]
