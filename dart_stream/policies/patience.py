"""Stop once several exits in a row have given the same answer.

Reference: Zhou et al., "BERT loses patience: fast and robust inference with early exit", 2020.

Differs from the paper: nothing. Its counter starts at 0 and rises when an exit repeats the answer
of the exit before, so that patience 1 takes two exits that agree, and the first can never stop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from dart_stream.errors import PolicyError
from dart_stream.policies.fields import require_keys
from dart_stream.policies.policy import ExitObservation, Mask, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class PatiencePolicy(Policy):
    """Stop where the answer has stayed the same over `patience` steps from exit to exit.

    Attributes:
        patience: steps, at least 1.
    """

    patience: int
    kind: ClassVar[str] = "patience"

    def __post_init__(self) -> None:
        if type(self.patience) is not int or self.patience < 1:
            raise PolicyError(
                f"policy {self.kind!r}: patience: expected a whole number of at least 1, "
                f"got {self.patience!r}"
            )

    def fires(self, seen: ExitObservation) -> Mask:
        """Return whether the last `patience` exits answered what this one does."""
        if seen.exit_index < self.patience:
            return np.zeros(len(seen.label_id), dtype=np.bool_)
        before = seen.label_history[:, seen.exit_index - self.patience : seen.exit_index]
        same: Mask = (before == seen.label_id[:, None]).all(axis=1)
        return same

    @property
    def reads_difficulty(self) -> bool:
        """Return False."""
        return False

    def require_fit(self, num_exits: int, num_classes: int) -> None:
        """Refuse a model with so few exits that none could stop early."""
        del num_classes
        if num_exits < self.patience + 2:
            raise PolicyError(
                f"policy {self.kind!r}: expected a model of at least {self.patience + 2} exits "
                f"for patience {self.patience}, got {num_exits}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return {"kind": "patience", "patience": n}."""
        return {"kind": self.kind, "patience": self.patience}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read the body."""
        require_keys(body, cls.kind, ("patience",))
        return cls(patience=body["patience"])
