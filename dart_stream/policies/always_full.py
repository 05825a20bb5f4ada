"""Classes that are too dear to get wrong early: what looks like one of them runs to full depth.

Reference: none.
Differs from the paper: it weighs all classes alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from dart_stream.errors import PolicyError
from dart_stream.policies.fields import read_list, require_keys
from dart_stream.policies.policy import ExitObservation, Mask, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class AlwaysFullPolicy(Policy):
    """Decides as `inner` does until an exit answers one of the classes; then nobody leaves early.

    Each region gets either the answer that `inner` would give or full depth's. So it never differs
    from full depth where `inner` would not, and a bound that holds for `inner` holds for this.

    Attributes:
        inner: what decides otherwise.
        classes: at least one, rising.
    """

    inner: Policy
    classes: tuple[int, ...]
    kind: ClassVar[str] = "always-full"

    def __post_init__(self) -> None:
        sound = all(type(each) is int and each >= 0 for each in self.classes)
        if not sound or not self.classes or list(self.classes) != sorted(set(self.classes)):
            raise PolicyError(
                f"policy {self.kind!r}: classes: expected rising class numbers, at least one, "
                f"got {list(self.classes)}"
            )

    @property
    def difficulty_mode(self) -> Literal["dart", "paper"]:  # type: ignore[override]
        """The inner policy's."""
        return self.inner.difficulty_mode

    def fires(self, seen: ExitObservation) -> Mask:
        """Return what `inner` says, but False once an exit has answered one of the classes."""
        dear = np.isin(seen.label_id, self.classes)
        dear |= np.isin(seen.label_history, self.classes).any(axis=1)
        fires: Mask = self.inner.fires(seen) & ~dear
        return fires

    def watches(self, exit_index: int) -> bool:
        """Return what `inner` says."""
        return self.inner.watches(exit_index)

    @property
    def reads_difficulty(self) -> bool:
        """Return what `inner` says."""
        return self.inner.reads_difficulty

    def require_fit(self, num_exits: int, num_classes: int) -> None:
        """Refuse a class that the model does not have."""
        self.inner.require_fit(num_exits, num_classes)
        if self.classes[-1] >= num_classes:
            raise PolicyError(
                f"policy {self.kind!r}: classes: expected 0 to {num_classes - 1}, "
                f"got {self.classes[-1]} (was it made for another model?)"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return {"kind": "always-full", "classes": [...], "policy": the inner one's body}."""
        return {"kind": self.kind, "classes": list(self.classes), "policy": self.inner.to_dict()}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read the body."""
        from dart_stream.policies.registry import POLICY_KINDS

        require_keys(body, cls.kind, ("classes", "policy"))
        inner = body["policy"]
        kind = inner.get("kind") if isinstance(inner, Mapping) else None
        if not isinstance(kind, str) or kind not in POLICY_KINDS or kind == cls.kind:
            raise PolicyError(
                f"policy {cls.kind!r}: policy: expected another's body, got {inner!r}"
            )
        return cls(
            inner=POLICY_KINDS[kind].from_dict(inner),
            classes=tuple(read_list(body, cls.kind, "classes")),
        )


def with_always_full(policy: Policy, classes: tuple[int, ...]) -> Policy:
    """Return the policy with these classes guarded; itself if there is nothing to guard."""
    if not classes or policy.kind == "full":
        return policy
    return AlwaysFullPolicy(inner=policy, classes=classes, version=policy.version)
