"""One constant confidence threshold per exit: the usual early exit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from dart_stream.policies.fields import read_list, require_keys
from dart_stream.policies.policy import ExitObservation, Mask
from dart_stream.policies.threshold import ThresholdPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPolicy(ThresholdPolicy):
    """Stop where confidence reaches the exit's threshold."""

    kind: ClassVar[str] = "fixed"

    def reaches(self, seen: ExitObservation, threshold: float) -> Mask:
        """Return confidence >= threshold."""
        return seen.confidence.astype(np.float64) >= threshold

    @property
    def reads_difficulty(self) -> bool:
        """Return False."""
        return False

    def to_dict(self) -> dict[str, Any]:
        """Return {"kind": "fixed", "thresholds": [...]}."""
        return {"kind": self.kind, "thresholds": list(self.thresholds)}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read the body."""
        require_keys(body, cls.kind, ("thresholds",))
        return cls(thresholds=tuple(read_list(body, cls.kind, "thresholds")))
