"""The frontier as a ladder: policies from safe to aggressive, all scored by one audit.

Reference: Apparate (SOSP 2024) and "Fast yet Safe" (NeurIPS 2024) walk one shared threshold; here
rungs are vectors of thresholds on the exact frontier of agreement and cost.

Differs from the paper: Eq. 15 tries one strategy at a time; the answers of all exits tell what
every rung would have done.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.policies import DartPolicy
from dart_stream.thresholds import FrontierPoint, find_frontier
from dart_stream.thresholds.raised import raised

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SAFER: Final = (4.0, 2.5, 1.5, 0.8, 0.4, 0.2)
"""Logits above the safest point of the frontier: under shift that point is not safe enough."""

_STEEPEST: Final = 3.0
"""Points whose disagreement on the table exceeds this multiple of the limit are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """R policies over E early exits, safest first.

    Attributes:
        policies: without coefficients.
        cost_share: mean on the table they come from, as shares of the full network, (R,).
        spent: share of the full network's cost up to each exit, (R, E + 1).
        odds: tau and 1 - tau of each threshold, (2, E, R); of a disabled exit 1/2.
        enabled: (E, R).
    """

    policies: tuple[DartPolicy, ...]
    cost_share: Floats
    spent: Floats
    odds: Floats
    enabled: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.policies)

    def exits(self, confidence: Floats, asked: Floats) -> Ints:
        """Where each rung would stop each of n regions, (n, R).

        Args:
            confidence: of every exit's answer, (n, E + 1).
            asked: logits added to each threshold by difficulty and class, (n, E).
        """
        p = confidence[:, :-1, None]
        tau, rest = self.odds
        fires = p * rest >= (1 - p) * tau * np.exp(asked)[:, :, None]  # as `DartPolicy.reaches`
        fires &= self.enabled
        early = self.enabled.shape[0]
        exits: Ints = np.where(fires.any(axis=1), fires.argmax(axis=1), early)
        return exits


def build_ladder(table: ExitTable, costs: Costs, epsilon: float, rungs: int) -> Ladder:
    """Choose the rungs.

    Args:
        table: pictures that the network was not trained on, and that certify nothing later.
        costs: of the network's parts.
        epsilon: limit on disagreement that the ladder is for.
        rungs: how many at most, at least 8.
    """
    frontier = find_frontier(table, costs, "agreement", levels=_levels(table.num_exits - 1))
    points = [p for p in reversed(frontier) if p.disagreement <= _STEEPEST * epsilon]
    # Full depth is no rung, and none that costs more is worth one: it is safer than all of them.
    points = [p for p in points if p.leaves_early] or points[:1] or [frontier[-1]]
    safer = raised(points[0].thresholds, _SAFER) if points[0].leaves_early else []
    policies = [DartPolicy(thresholds=each, beta=points[0].beta) for each in safer]
    policies += [_policy(point) for point in _thin(points, rungs - len(_SAFER))]
    # Difficulty is measured for its own sake here, so full depth pays the estimator, too.
    full_share = 1 + costs.estimator / costs.plain()
    cheaper = _ladder(policies, table, costs).cost_share < full_share
    kept = [policy for policy, is_worth_it in zip(policies, cheaper, strict=True) if is_worth_it]
    return _ladder(kept or policies[-1:], table, costs)


def asked_logits(
    labels: Ints, difficulty: Floats, beta: float, coefficients: Floats | None
) -> Floats:
    """What class and difficulty add to thresholds, (n, E).

    Args:
        labels: every exit's answer, (n, E + 1).
        difficulty: (n,).
        beta: logits between the easiest and the hardest picture.
        coefficients: g, (classes, E); None for none.
    """
    early = labels.shape[1] - 1
    asked = np.repeat(beta * (difficulty[:, None] - 0.5), early, axis=1)
    if coefficients is not None:
        asked = asked + coefficients[labels[:, :-1], np.arange(early)]
    return asked


def _levels(early: int) -> int | None:
    """Cuts an exit: a ladder of some 30 rungs needs no finer grid than this."""
    return {1: 256, 2: 96, 3: 40, 4: 20, 5: 12}.get(early)


def _policy(point: FrontierPoint) -> DartPolicy:
    return DartPolicy(thresholds=point.thresholds, beta=point.beta)


def _thin(points: list[FrontierPoint], count: int) -> list[FrontierPoint]:
    """Points spread evenly over cost, first and last among them."""
    if len(points) <= count:
        return points
    cost = np.array([point.cost for point in points])
    wanted = np.linspace(cost[0], cost[-1], count)
    kept = sorted({int(np.abs(cost - c).argmin()) for c in wanted})
    return [points[index] for index in kept]


def _ladder(policies: list[DartPolicy], table: ExitTable, costs: Costs) -> Ladder:
    enabled = np.array([[tau is not None for tau in p.thresholds] for p in policies])
    tau = np.array([[0.5 if t is None else t for t in p.thresholds] for p in policies])
    spent = np.array([costs.up_to_exit(list(row)) for row in enabled]) / costs.plain()
    odds = np.stack([tau.T, 1 - tau.T])
    ladder = Ladder(tuple(policies), np.zeros(len(policies)), spent, odds, enabled.T)
    asked = asked_logits(table.answers, table.difficulty.astype(np.float64), 0.0, None)
    exits = ladder.exits(table.confidence.astype(np.float64), asked)
    cost = spent[np.arange(len(policies)), exits].mean(axis=0)
    return Ladder(tuple(policies), cost, spent, odds, enabled.T)
