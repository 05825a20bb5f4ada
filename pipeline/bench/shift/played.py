"""What a controller did with a stream."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.adaptation import Alarm
from dart_stream.policies import Policy

Floats = NDArray[np.float64]

SAMPLE_EVERY: Final = 250
"""Regions between two looks at a controller."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How a controller stood before a region.

    Attributes:
        at: number of the region.
        policy: deployed then; None while everything runs to full depth.
        upper: the controller's bound on disagreement; None if it states none.
    """

    at: int
    policy: Policy | None
    upper: float | None


@dataclass(slots=True, eq=False)
class Played:
    """N regions, in order.

    Attributes:
        answers: what was answered, (N,): full depth in a burst; where the policy stopped
            otherwise, also where an audit then ran on.
        full: what full depth answers, (N,).
        labels: true classes, (N,).
        deployed: cost of a region without its audit as a share of the full network's; in a burst
            all of it, (N,).
        charged: the same with its audit, (N,).
        burst: whether everything ran to full depth, (N,).
        samples: taken every so many regions.
        alarms: all.
        update_s: seconds that a call of `update` took on average.
    """

    answers: NDArray[np.int64]
    full: NDArray[np.int64]
    labels: NDArray[np.int64]
    deployed: Floats
    charged: Floats
    burst: NDArray[np.bool_]
    samples: list[Sample] = field(default_factory=list)
    alarms: Sequence[Alarm] = ()
    update_s: float = 0.0

    @property
    def differs(self) -> NDArray[np.bool_]:
        """Whether the answer was another than full depth's, (N,)."""
        return np.asarray(self.answers != self.full)
