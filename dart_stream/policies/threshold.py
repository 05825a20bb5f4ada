"""What policies with one threshold per early exit share."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from dart_stream.policies.fields import Thresholds, require_count, require_thresholds
from dart_stream.policies.policy import ExitObservation, Mask, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdPolicy(Policy):
    """Asks `reaches` at each exit that has a threshold.

    Attributes:
        thresholds: one per early exit, in [0, 1]; None disables the exit.
    """

    thresholds: Thresholds

    def __post_init__(self) -> None:
        require_thresholds(self.kind, self.thresholds)

    @abstractmethod
    def reaches(self, seen: ExitObservation, threshold: float) -> Mask:
        """Return (n,): which regions stop at an exit with that threshold."""

    def fires(self, seen: ExitObservation) -> Mask:
        """Return `reaches` at an enabled exit, False at a disabled one."""
        threshold = self.thresholds[seen.exit_index]
        if threshold is None:
            return np.zeros(len(seen.confidence), dtype=np.bool_)
        return self.reaches(seen, threshold)

    def watches(self, exit_index: int) -> bool:
        """Return False for a disabled exit."""
        return self.thresholds[exit_index] is not None

    def require_fit(self, num_exits: int, num_classes: int) -> None:
        """Refuse another number of thresholds than the model has early exits."""
        del num_classes
        require_count(
            self.kind,
            "thresholds",
            expected=num_exits - 1,
            got=len(self.thresholds),
            what="one per exit but the last",
        )
