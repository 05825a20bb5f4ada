"""Full depth for everything: the reference, and what a burst of audits runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from dart_stream.policies.fields import require_keys
from dart_stream.policies.policy import ExitObservation, Mask, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class FullDepthPolicy(Policy):
    """No region leaves early."""

    kind: ClassVar[str] = "full"

    def fires(self, seen: ExitObservation) -> Mask:
        """Return False for every region."""
        return np.zeros(len(seen.confidence), dtype=np.bool_)

    def watches(self, exit_index: int) -> bool:
        """Return False: no head but the last needs to run."""
        del exit_index
        return False

    @property
    def reads_difficulty(self) -> bool:
        """Return False."""
        return False

    def require_fit(self, num_exits: int, num_classes: int) -> None:
        """Accept every model."""

    def to_dict(self) -> dict[str, Any]:
        """Return {"kind": "full"}."""
        return {"kind": self.kind}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read the body."""
        require_keys(body, cls.kind, ())
        return cls()
