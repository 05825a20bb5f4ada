"""The thresholds of the paper, as printed.

Reference: DART Eq. 19, with c = c_i c_y, because the paper does not say how the coefficient per
exit of Eq. 19 meets the coefficient per class of Eq. 14.

Kept for comparison. A threshold that reaches 1 can never be exceeded: that exit is then dead for
that input, which `dart` cannot do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from dart_stream.policies.fields import (
    read_list,
    require_count,
    require_keys,
    require_numbers,
    require_thresholds,
)
from dart_stream.policies.policy import ExitObservation, Mask
from dart_stream.policies.threshold import ThresholdPolicy

MAX_VALUE = 100.0  # of beta and the coefficients: far beyond use, and every product stays finite


@dataclass(frozen=True, slots=True, kw_only=True)
class DartPaperPolicy(ThresholdPolicy):
    """Exit i, predicting class y, fires when confidence > clip(c_i c_y tau_i + beta alpha, 0, 1).

    Attributes:
        thresholds: tau, one per early exit, in [0, 1]; None disables the exit.
        beta: sensitivity to difficulty, in [0, 100]; 0.3 in the paper.
        exit_coefficients: c_i, one per early exit, in [0, 100]. Empty means 1 for all.
        class_coefficients: c_y, one per class, in [0, 100]. Empty means 1 for all.
    """

    beta: float = 0.3
    exit_coefficients: tuple[float, ...] = ()
    class_coefficients: tuple[float, ...] = ()
    kind: ClassVar[str] = "dart-paper"
    difficulty_mode: ClassVar[Literal["dart", "paper"]] = "paper"

    def __post_init__(self) -> None:
        require_thresholds(self.kind, self.thresholds)
        for key, values in (
            ("beta", (self.beta,)),
            ("exit_coefficients", self.exit_coefficients),
            ("class_coefficients", self.class_coefficients),
        ):
            require_numbers(self.kind, key, values, low=0, high=MAX_VALUE)

    @property
    def reads_difficulty(self) -> bool:
        """Return whether there is an enabled exit, and beta lifts its threshold."""
        return self.beta > 0 and any(tau is not None for tau in self.thresholds)

    def reaches(self, seen: ExitObservation, threshold: float) -> Mask:
        """Return confidence > tau'."""
        base = np.full(len(seen.confidence), threshold, dtype=np.float64)
        if self.exit_coefficients:
            base *= self.exit_coefficients[seen.exit_index]
        if self.class_coefficients:
            base *= np.array(self.class_coefficients)[seen.label_id]
        effective = np.clip(base + self.beta * seen.difficulty.astype(np.float64), 0, 1)
        return seen.confidence.astype(np.float64) > effective

    def require_fit(self, num_exits: int, num_classes: int) -> None:
        """Refuse another number of thresholds or coefficients than the model has."""
        ThresholdPolicy.require_fit(self, num_exits, num_classes)
        for key, values, expected, what in (
            (
                "exit_coefficients",
                self.exit_coefficients,
                num_exits - 1,
                "one per exit but the last",
            ),
            ("class_coefficients", self.class_coefficients, num_classes, "one per class"),
        ):
            if values:
                require_count(self.kind, key, expected=expected, got=len(values), what=what)

    def to_dict(self) -> dict[str, Any]:
        """Return the body: kind, thresholds, beta and both lists of coefficients."""
        return {
            "kind": self.kind,
            "thresholds": list(self.thresholds),
            "beta": self.beta,
            "exit_coefficients": list(self.exit_coefficients),
            "class_coefficients": list(self.class_coefficients),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read the body; beta is 0.3 and coefficients are 1 where they are left out."""
        optional = ("beta", "exit_coefficients", "class_coefficients")
        require_keys(body, cls.kind, ("thresholds",), optional)
        complete = {"exit_coefficients": [], "class_coefficients": [], **body}
        return cls(
            thresholds=tuple(read_list(body, cls.kind, "thresholds")),
            beta=body.get("beta", 0.3),
            exit_coefficients=tuple(read_list(complete, cls.kind, "exit_coefficients")),
            class_coefficients=tuple(read_list(complete, cls.kind, "class_coefficients")),
        )
