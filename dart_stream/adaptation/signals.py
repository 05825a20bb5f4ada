"""What a region looks like without its answer: seven numbers that are 0 on average in good times.

Each is compared with what calibration pictures of the same predicted class look like, so that
another mix of classes moves none of them much, while noise, blur or darkness move several.

Reference: none; principal components of three logarithms.
Differs from the paper: it adapts on confidence and self-labels alone, which cannot see an error
made with confidence.
"""

from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.adaptation.ladder import Floats
from dart_stream.adaptation.observation import Observation

SIGNALS: Final = (
    "edge density",
    "variance",
    "gradient",
    "first component of the pixels",
    "second component of the pixels",
    "third component of the pixels",
    "doubt of exit 0",
)
PIXEL_SIGNALS: Final = 6

_FLOORS: Final = (0.02, 0.002, 0.002)
"""Added before the logarithm: near 0 a part's noise is relative to these and not to itself."""

_DOUBT_FLOOR: Final = 1e-4
_LARGEST: Final = 4.0
"""Deviations at which a signal is cut off: one odd picture is no change of the world."""

_CLASS_PRIOR: Final = 20.0
"""Pictures of the average class that each class's mean is shrunk with."""

Row = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SignalReference:
    """What calibration pictures look like.

    Attributes:
        class_means: logarithms of the parts and of the doubt, by class predicted at exit 0.
        inverse_spread: one over the standard deviation of these within a class.
        components: (3, 3) rows that take the three deviations to components of variance 1.
    """

    class_means: tuple[tuple[float, float, float, float], ...]
    inverse_spread: tuple[float, float, float, float]
    components: tuple[tuple[float, float, float], ...]

    def of(self, seen: Observation) -> Row:
        """Return the seven signals of a region, each within +-4."""
        edges, variance, gradient = seen.parts
        mean = self.class_means[seen.first_label_id]
        spread = self.inverse_spread
        a = (log(edges + _FLOORS[0]) - mean[0]) * spread[0]
        b = (log(variance + _FLOORS[1]) - mean[1]) * spread[1]
        c = (log(gradient + _FLOORS[2]) - mean[2]) * spread[2]
        d = (log(1.0 - seen.first_confidence + _DOUBT_FLOOR) - mean[3]) * spread[3]
        p, q, r = self.components
        row = (
            a,
            b,
            c,
            p[0] * a + p[1] * b + p[2] * c,
            q[0] * a + q[1] * b + q[2] * c,
            r[0] * a + r[1] * b + r[2] * c,
            d,
        )
        if max(row) > _LARGEST or min(row) < -_LARGEST:
            return tuple(min(max(x, -_LARGEST), _LARGEST) for x in row)
        return row


def learn_signals(
    parts: NDArray[np.floating], confidence: Floats, labels: NDArray[np.int64], num_classes: int
) -> tuple[SignalReference, Floats]:
    """Learn the reference, and return it with the signals of the same pictures, (N, 7).

    Args:
        parts: raw, (N, 3).
        confidence: of exit 0, (N,).
        labels: its answers, (N,).
        num_classes: of the model.
    """
    raw = np.column_stack(
        [np.log(parts.astype(np.float64) + _FLOORS), np.log(1 - confidence + _DOUBT_FLOOR)]
    )
    sums = np.zeros((num_classes, 4))
    np.add.at(sums, labels, raw)
    count = np.bincount(labels, minlength=num_classes)[:, None]
    means = (sums + _CLASS_PRIOR * raw.mean(axis=0)) / (count + _CLASS_PRIOR)
    inner = raw - means[labels]
    spread = np.maximum(inner.std(axis=0), 1e-3)
    deviations = inner / spread
    variances, axes = np.linalg.eigh(np.cov(deviations[:, :3].T))
    components = (axes / np.sqrt(np.maximum(variances, 1e-3))).T[::-1]
    reference = SignalReference(
        class_means=tuple(tuple(row) for row in means.tolist()),
        inverse_spread=tuple((1 / spread).tolist()),
        components=tuple(tuple(row) for row in components.tolist()),
    )
    rows = np.column_stack([deviations[:, :3], deviations[:, :3] @ components.T, deviations[:, 3]])
    return reference, np.clip(rows, -_LARGEST, _LARGEST)
