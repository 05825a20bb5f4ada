"""Course of a method over the stream, in steps."""

import numpy as np
from numpy.typing import NDArray

from dart_stream.policies import Policy
from pipeline.bench.shift.document import Series
from pipeline.bench.shift.played import SAMPLE_EVERY, Played, Sample


class SeriesSum:
    """Sums over seeds for streams of one length.

    Args:
        regions: of a stream.
    """

    def __init__(self, regions: int) -> None:
        self._begins = np.arange(0, regions, SAMPLE_EVERY)
        self._counts = np.diff([*self._begins, regions])
        self._sums = np.zeros((5, len(self._begins)))
        self._streams = 0
        self._first: list[Sample] = []

    def add(self, played: Played) -> None:
        """Add a stream."""
        right, full_right = played.answers == played.labels, played.full == played.labels
        courses = (right, full_right, played.differs, played.charged, played.burst)
        self._sums += np.stack([self._means(each.astype(np.float64)) for each in courses])
        if not self._streams:
            self._first = played.samples
        self._streams += 1

    def series(self) -> Series:
        """Means so far."""
        accuracy, full, differs, charged, burst = (self._sums / max(self._streams, 1)).tolist()
        rows = [_by_class(sample.policy) for sample in self._first]
        known: list[float] = next((row for row in rows if row), [])
        filled: list[list[float]] = []
        for row in rows:
            # In a burst, and while a policy has none, coefficients stay as they were, or neutral.
            known = row or (known if filled else [0.0] * len(known))
            filled.append(known)
        return Series(
            at=self._begins.tolist(),
            accuracy=accuracy,
            full_accuracy=full,
            disagreement=differs,
            macs_fraction=charged,
            upper=[sample.upper for sample in self._first],
            coefficients=filled if known else [],
            full_depth=burst,
        )

    def _means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.add.reduceat(values, self._begins) / self._counts)


def _by_class(policy: Policy | None) -> list[float]:
    """Coefficient of each class, mean over the exits that are on; empty if there is none."""
    table = np.asarray(getattr(policy, "coefficients", ()), np.float64)
    if table.ndim == 2 and table.size:
        on = [tau is not None for tau in getattr(policy, "thresholds", ())]
        return [float(v) for v in table[:, on].mean(axis=1)] if any(on) else []
    return [float(value) for value in getattr(policy, "class_coefficients", ())]
