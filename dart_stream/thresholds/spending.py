"""The policy whose cost is within a budget on pictures that had no part in the search.

What a policy costs on the pictures that it was chosen on comes true on others only as far as two
samples agree: a few per cent between halves of 2,500. So the held-out pictures decide how far along
the frontier to go, by cost alone. They look at a few candidates that the other pictures name, and
their bounds then hold for all of these at once (Bonferroni), whichever is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.thresholds.point import FrontierPoint, score_point

STEPS: Final = (-0.3, -0.15, -0.08, -0.05, -0.035, -0.02, -0.01, 0.0, 0.01, 0.02, 0.035, 0.05, 0.08)
"""Costs of the candidates about that of the one planned: close where two halves of a few thousand
pictures agree, far below for later footage that is harder."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What the held-out pictures chose.

    Attributes:
        point: as the selection pictures score it.
        candidates: how many they had to choose from.
    """

    point: FrontierPoint
    candidates: int


def spend(
    frontier: Sequence[FrontierPoint],
    planned: FrontierPoint,
    held_out: ExitTable,
    costs: Costs,
    budget: float,
) -> Spending:
    """Take the dearest candidate that costs no more than the budget on `held_out`.

    Where each costs more, it is the cheapest; the certificate then says what it costs.

    Args:
        frontier: from cheap to dear, found on other pictures.
        planned: the point of it that those pictures would take.
        held_out: pictures to spend the budget on; their answers are not looked at.
        costs: of the network's parts.
        budget: mean cost of a picture, in the unit of `costs`.
    """
    candidates = _near(frontier, planned)
    spent = [score_point(held_out, costs, each.thresholds, each.beta).cost for each in candidates]
    within = [each for each, cost in zip(candidates, spent, strict=True) if cost <= budget]
    return Spending(within[-1] if within else candidates[0], len(candidates))


def _near(frontier: Sequence[FrontierPoint], planned: FrontierPoint) -> list[FrontierPoint]:
    """Points of the frontier whose costs are nearest to the steps, from cheap to dear."""
    by_cost = np.array([point.cost for point in frontier])
    wanted = planned.cost * (1 + np.array(STEPS))
    nearest = np.abs(by_cost - wanted[:, None]).argmin(axis=1)
    return [frontier[index] for index in np.unique(nearest)]
