"""Stop where the answer's entropy is low.

Reference: BranchyNet (Teerapittayanon et al., 2016), section on inference.

Differs from the paper: entropy is divided by the logarithm of the number of classes, so that a
threshold lies in [0, 1] whatever the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from dart_stream.policies.fields import read_list, require_keys
from dart_stream.policies.policy import ExitObservation, Mask
from dart_stream.policies.threshold import ThresholdPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropyPolicy(ThresholdPolicy):
    """Stop where normalised entropy is at most the exit's threshold."""

    kind: ClassVar[str] = "entropy"

    def reaches(self, seen: ExitObservation, threshold: float) -> Mask:
        """Return entropy / ln(classes) <= threshold."""
        low: Mask = entropy(seen.probabilities) <= threshold * np.log(seen.probabilities.shape[1])
        return low

    @property
    def reads_difficulty(self) -> bool:
        """Return False."""
        return False

    def to_dict(self) -> dict[str, Any]:
        """Return {"kind": "entropy", "thresholds": [...]}."""
        return {"kind": self.kind, "thresholds": list(self.thresholds)}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read the body."""
        require_keys(body, cls.kind, ("thresholds",))
        return cls(thresholds=tuple(read_list(body, cls.kind, "thresholds")))


def entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the entropy of each distribution, in nats; the last axis holds the classes."""
    exact = probabilities.astype(np.float64)
    logarithms = np.log(exact, out=np.zeros_like(exact), where=exact > 0)
    nats: NDArray[np.float64] = -(exact * logarithms).sum(axis=-1)
    return nats
