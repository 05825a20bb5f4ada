"""A learned score of an exit's answer, to compete with its plain confidence.

At each early exit a logistic regression on what the answer looks like (`dart_stream.exit_features`)
predicts whether the answer is worth giving. Whether it earns its place is for
`dart_stream.exit_score_comparison` to say.

Reference: none in the DART paper; meta-learned exits as in Ilhan et al., "Adaptive deep neural
network inference optimization with EENet", 2024.
Differs from the paper: a convex fit per exit, without a budget in the loss; thresholds are chosen
afterwards as for any other score.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from dart_stream.errors import DataError, ModelError
from dart_stream.exit_features import exit_features, feature_names
from dart_stream.exit_table import ExitTable
from dart_stream.logistic import drawn_in, fit_logistic

Floats = NDArray[np.float64]
Target = Literal["agreement", "correctness"]

RIDGE: Final = 1e-3
"""Half of it times a coefficient's square is added to the mean loss; of standardised features."""


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`ExitScores` in plain lists and numbers."""

    target: Target
    features: tuple[str, ...]
    coefficients: list[list[float]]
    offsets: list[float]


@dataclass(frozen=True, slots=True, eq=False)
class ExitScores:
    """Scores of all early exits of a model.

    Attributes:
        target: what they predict: that an exit's answer is the full network's ("agreement"), or
            that it is right ("correctness").
        features: names of the features that they weigh.
        coefficients: float64 [early exits, features], of features as they are measured.
        offsets: float64 [early exits].
    """

    target: Target
    features: tuple[str, ...]
    coefficients: Floats
    offsets: Floats

    def __post_init__(self) -> None:
        expected = len(self.offsets), len(self.features)
        finite = np.all(np.isfinite(self.coefficients)) and np.all(np.isfinite(self.offsets))
        if self.coefficients.shape != expected or not expected[0] or not finite:
            raise ModelError(
                f"exit scores: expected finite coefficients of {expected[0]} early exits and "
                f"{expected[1]} features, got {list(self.coefficients.shape)}"
            )

    def score(self, table: ExitTable) -> Floats:
        """Log-odds of the target for each answer, [N, early exits].

        Raises:
            DataError: the table has other exits, or not the features that were weighed.
        """
        found, early = feature_names(table), table.num_exits - 1
        if found != self.features or early != len(self.offsets):
            raise DataError(
                f"exit scores: expected {len(self.offsets)} early exits and the features "
                f"{', '.join(self.features)}; got {early} and {', '.join(found)}"
            )
        scores: Floats = (exit_features(table) * self.coefficients).sum(axis=2) + self.offsets
        return scores

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers."""
        return {
            "target": self.target,
            "features": list(self.features),
            "coefficients": self.coefficients.tolist(),
            "offsets": self.offsets.tolist(),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ModelError: keys, types or lengths are not those of exit scores.
        """
        try:
            read = msgspec.convert(body, _Body)
            coefficients = np.array(read.coefficients, np.float64)
        except (msgspec.ValidationError, ValueError) as error:
            raise ModelError(f"exit scores: {error}") from error
        return cls(read.target, read.features, coefficients, np.array(read.offsets, np.float64))


def fit_exit_scores(table: ExitTable, target: Target, *, ridge: float = RIDGE) -> ExitScores:
    """Fit a score at each early exit.

    Args:
        table: of pictures that were not trained on.
        target: to predict; "correctness" needs labels.
        ridge: penalty on the coefficients of standardised features, above 0.

    Raises:
        DataError: no early exits, or no labels for "correctness".
    """
    if table.num_exits < 2:
        raise DataError(f"exit scores: expected an early exit, {table.source} has only the last")
    features, reached = exit_features(table), outcomes(table, target)
    fits = [_fit(features[:, k], reached[:, k], ridge) for k in range(reached.shape[1])]
    return ExitScores(
        target,
        feature_names(table),
        coefficients=np.stack([coefficients for coefficients, _ in fits]),
        offsets=np.array([offset for _, offset in fits]),
    )


def outcomes(table: ExitTable, target: Target) -> NDArray[np.bool_]:
    """Whether each early exit reaches the target, [N, early exits]."""
    reached = table.agrees if target == "agreement" else table.correct
    return reached[:, :-1]


def _fit(features: Floats, reached: NDArray[np.bool_], ridge: float) -> tuple[Floats, float]:
    """Coefficients [F] and offset, fitted to standardised features and written for raw ones."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation[deviation < 1e-9] = 1  # constant, such as agreement at exit 0: weighs nothing
    inputs = np.column_stack([(features - mean) / deviation, np.ones(len(features))])
    penalty = np.array([ridge] * len(mean) + [0.0])
    *weights, offset = fit_logistic(inputs, drawn_in(reached), penalty)
    coefficients = np.array(weights) / deviation
    return coefficients, float(offset - coefficients @ mean)
