"""A policy whose first exit is asked in any case, though nobody may leave there.

Reference: none.
Differs from the paper: detectors need exit 0's answer to every region, also while its exit is off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from dart_stream.errors import PolicyError
from dart_stream.policies.policy import ExitObservation, Mask, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchingFirst(Policy):
    """Decides as `inner` does; the head of exit 0 always runs.

    It is made where a policy is applied and has no body of its own.

    Attributes:
        inner: what decides.
    """

    inner: Policy
    kind: ClassVar[str] = "watching-first"

    def fires(self, seen: ExitObservation) -> Mask:
        """Return what `inner` says; an answer that it did not ask for it does not see."""
        if seen.exit_index and not self.inner.watches(0):
            history = seen.label_history.copy()
            history[:, 0] = -1
            seen = replace(seen, label_history=history)
        return self.inner.fires(seen)

    def watches(self, exit_index: int) -> bool:
        """Return True for exit 0."""
        return exit_index == 0 or self.inner.watches(exit_index)

    @property
    def reads_difficulty(self) -> bool:
        """Return what `inner` says."""
        return self.inner.reads_difficulty

    def require_fit(self, num_exits: int, num_classes: int) -> None:
        """Ask `inner`."""
        self.inner.require_fit(num_exits, num_classes)

    def to_dict(self) -> dict[str, Any]:
        """Return the body of `inner`."""
        return self.inner.to_dict()

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Refuse: it has no body."""
        raise PolicyError(f"policy {cls.kind}: expected no body to read, got {body!r}")
