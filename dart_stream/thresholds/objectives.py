"""What to ask of thresholds: each objective picks one point of a frontier."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from dart_stream.errors import DataError
from dart_stream.thresholds.point import FrontierPoint

_ROUNDING: Final = 1e-12
"""Far less than one picture's share: a gap of exactly as much as is allowed is allowed."""


class Objective(Protocol):
    """Picks a point."""

    def choose(self, frontier: Sequence[FrontierPoint], full: FrontierPoint) -> FrontierPoint:
        """The best point.

        Args:
            frontier: from cheap to dear.
            full: the network without early exits on the same pictures.
        """
        ...


@dataclass(frozen=True, slots=True)
class CostBudget:
    """The most accurate point whose mean cost is at most this share of the full network's."""

    share: float

    def choose(self, frontier: Sequence[FrontierPoint], full: FrontierPoint) -> FrontierPoint:
        """The dearest point within the budget.

        Raises:
            DataError: not even the cheapest point is that cheap.
        """
        within = [point for point in frontier if point.cost <= self.share * full.cost]
        if not within:
            raise DataError(
                f"budget: expected at least {frontier[0].cost / full.cost:.3f} of the full "
                f"network's cost, which is what its first exit takes, got {self.share}"
            )
        return within[-1]


@dataclass(frozen=True, slots=True)
class MaxDisagreement:
    """The cheapest point that answers unlike the full network on at most this share."""

    share: float

    def choose(self, frontier: Sequence[FrontierPoint], full: FrontierPoint) -> FrontierPoint:
        """The cheapest such point; the full network if there is none."""
        return next((p for p in frontier if p.disagreement <= self.share), full)


@dataclass(frozen=True, slots=True)
class MaxExitGap:
    """The cheapest point that loses at most this much accuracy, a share and not points."""

    gap: float

    def choose(self, frontier: Sequence[FrontierPoint], full: FrontierPoint) -> FrontierPoint:
        """The cheapest such point; the full network if there is none."""
        least = accuracy_of(full) - self.gap - _ROUNDING
        return next((p for p in frontier if accuracy_of(p) >= least), full)


@dataclass(frozen=True, slots=True)
class PaperObjective:
    """The largest J = accuracy - beta_opt * cost, the cost as a share of the full network's.

    Reference: DART Eq. 10.
    """

    beta_opt: float

    def choose(self, frontier: Sequence[FrontierPoint], full: FrontierPoint) -> FrontierPoint:
        """Where J is largest; the cheapest of several."""
        return max(frontier, key=lambda p: accuracy_of(p) - self.beta_opt * p.cost / full.cost)


def accuracy_of(point: FrontierPoint) -> float:
    """Accuracy of a point.

    Raises:
        DataError: it comes from pictures without labels.
    """
    if point.accuracy is None:
        raise DataError("objective: expected labelled pictures, since it asks for accuracy")
    return point.accuracy
