"""Thresholds that follow difficulty and predicted class, without leaving (0, 1).

Reference: DART Eq. 19.

Differs from the paper: difficulty is centred and everything is added on the logit scale. With
`c * tau + beta * alpha` a mean difficulty of .85 lifts every threshold, most of them to the clamp
at 1, where an exit is dead; here the effective threshold stays inside (0, 1) for every input, the
order of two thresholds cannot invert, and switching an exit off is a flag.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from dart_stream.policies.fields import (
    read_list,
    require_count,
    require_keys,
    require_numbers,
    require_thresholds,
)
from dart_stream.policies.policy import ExitObservation, Mask
from dart_stream.policies.threshold import ThresholdPolicy

MIN_COEFFICIENT, MAX_COEFFICIENT = -1.0, 3.0
MAX_BETA = 20.0  # logits; keeps every product below finite


@dataclass(frozen=True, slots=True, kw_only=True)
class DartPolicy(ThresholdPolicy):
    """Exit k, predicting class y, fires when logit p >= logit tau_k + g[y, k] + beta (d - 1/2).

    Attributes:
        thresholds: tau, one per early exit, in (0, 1); None disables the exit.
        beta: how much difficulty matters, in [0, 20]: logits between the easiest and the hardest.
        coefficients: g, one row per class and one column per early exit, in [-1, 3]; positive
            asks for more confidence. Empty means zero for all.
    """

    beta: float = 0.0
    coefficients: tuple[tuple[float, ...], ...] = ()
    _g: NDArray[np.float64] = field(init=False, repr=False, compare=False)
    kind: ClassVar[str] = "dart"

    def __post_init__(self) -> None:
        require_thresholds(self.kind, self.thresholds, open_interval=True)
        require_numbers(self.kind, "beta", [self.beta], low=0, high=MAX_BETA)
        for class_id, row in enumerate(self.coefficients):
            self._require_row(class_id, row)
        shape = (len(self.coefficients), len(self.thresholds))
        array = np.array(self.coefficients, dtype=np.float64).reshape(shape)
        array.setflags(write=False)
        object.__setattr__(self, "_g", array)

    @property
    def reads_difficulty(self) -> bool:
        """Return whether there is an enabled exit, and beta lifts its threshold."""
        return self.beta > 0 and any(tau is not None for tau in self.thresholds)

    def reaches(self, seen: ExitObservation, threshold: float) -> Mask:
        """Compare odds, which is comparing logits without a logarithm of the confidence."""
        shift = self.beta * (seen.difficulty.astype(np.float64) - 0.5)
        if self.coefficients:
            shift += self._g[seen.label_id, seen.exit_index]
        p = seen.confidence.astype(np.float64)
        # p >= odds (1 - p) instead of p / (1 - p) >= odds: a confidence of 1 divides by nothing.
        return p * (1 - threshold) >= (1 - p) * threshold * np.exp(shift)

    def require_fit(self, num_exits: int, num_classes: int) -> None:
        """Refuse another number of thresholds than early exits, or of rows than classes."""
        ThresholdPolicy.require_fit(self, num_exits, num_classes)
        if self.coefficients:
            require_count(
                self.kind,
                "coefficients",
                expected=num_classes,
                got=len(self.coefficients),
                what="one row per class",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return {"kind": "dart", "thresholds": [...], "beta": x, "coefficients": [[...], ...]}."""
        return {
            "kind": self.kind,
            "thresholds": list(self.thresholds),
            "beta": self.beta,
            "coefficients": [list(row) for row in self.coefficients],
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read the body; beta is 0 and coefficients are none where they are left out."""
        require_keys(body, cls.kind, ("thresholds",), ("beta", "coefficients"))
        rows = read_list({"coefficients": [], **body}, cls.kind, "coefficients")
        return cls(
            thresholds=tuple(read_list(body, cls.kind, "thresholds")),
            beta=body.get("beta", 0.0),
            coefficients=tuple(
                tuple(read_list({"coefficients": row}, cls.kind, "coefficients")) for row in rows
            ),
        )

    def _require_row(self, class_id: int, row: tuple[float, ...]) -> None:
        require_count(
            self.kind,
            f"coefficients[{class_id}]",
            expected=len(self.thresholds),
            got=len(row),
            what="one per threshold",
        )
        key = f"coefficients[{class_id}]"
        require_numbers(self.kind, key, row, low=MIN_COEFFICIENT, high=MAX_COEFFICIENT)
