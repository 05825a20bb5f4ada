"""What every policy is: immutable, numbered, and asked at each early exit who leaves there."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from dart_stream.errors import PolicyError

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ExitObservation:
    """What is known about n regions when they stand at one exit.

    A policy that needs another signal gets it as another field here; existing ones stay as they
    are. Rows are regions, and a policy answers each row from that row alone.

    Attributes:
        exit_index: the exit; 0 is the first.
        confidence: (n,) calibrated probability of the most likely class, in [0, 1].
        label_id: (n,) that class.
        difficulty: (n,) in [0, 1], in the policy's `difficulty_mode`.
        probabilities: (n, classes) calibrated.
        label_history: (n, exit_index) answers of the exits before; -1 where a head did not run.
    """

    exit_index: int
    confidence: NDArray[np.float32]
    label_id: NDArray[np.int64]
    difficulty: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    label_history: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(ABC):
    """Decides at which exit each region stops.

    A policy is a value: it holds numbers only, never changes, and gives the same answer to the
    same observation. Learning makes a new policy with the next version. The last exit is never
    asked: the engine always stops there.

    Attributes:
        version: number of this policy in its run, 0 for one that has no number yet. Not part of
            the body: whoever applies a policy numbers it.
        kind: name in the registry and in a body.
        difficulty_mode: which difficulty the observations must carry (see `difficulty`).
    """

    version: int = 0
    kind: ClassVar[str]
    difficulty_mode: ClassVar[Literal["dart", "paper"]] = "dart"

    @abstractmethod
    def fires(self, seen: ExitObservation) -> Mask:
        """Return (n,): which of the regions stop at this exit. Never called on the last exit."""

    def watches(self, exit_index: int) -> bool:
        """Say whether any region could stop at this exit.

        False lets the engine skip the exit's head and the wait for its result.
        """
        del exit_index
        return True

    @property
    def reads_difficulty(self) -> bool:
        """Whether difficulty could change a decision; if not, nobody needs to estimate it.

        True unless a policy says otherwise: who forgets to say pays for the estimator.
        """
        return True

    @abstractmethod
    def require_fit(self, num_exits: int, num_classes: int) -> None:
        """Raise PolicyError if this policy cannot serve a model of that many exits and classes."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the body: plain dicts, lists, strings and numbers, with "kind"."""

    @classmethod
    @abstractmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read a body whose "kind" is this class's. Raises PolicyError."""

    def with_version(self, version: int) -> Self:
        """Return the same policy under another number."""
        if version < 0:
            raise PolicyError(f"policy version: expected 0 or more, got {version}")
        return replace(self, version=version)
