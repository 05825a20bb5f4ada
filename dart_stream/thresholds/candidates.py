"""Policies from safe to aggressive for a walk, in an order that the selection pictures fix alone.

Reference: the order that fixed-sequence testing asks for, see `walk`; thresholds raised above those
of a search as in `adaptation.ladder`.

The safest point of a frontier is the cheapest of all vectors that answer every selection picture
like the full network: nothing in the search asks for a distance to the next mistake, so that on
later footage it makes some. In front of it stand its own thresholds, raised. A head that lets too
few go to pay for itself is switched off there.
"""

from collections.abc import Sequence
from typing import Final

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.thresholds.point import FrontierPoint, score_point
from dart_stream.thresholds.raised import raised

_RISES: Final = (4.0, 2.5, 1.5, 0.8, 0.4, 0.2, 0.1, 0.05)
"""Logits above the safest point, each about half of the one before."""


def safe_to_aggressive(
    frontier: Sequence[FrontierPoint], full: FrontierPoint, selection: ExitTable, costs: Costs
) -> list[FrontierPoint]:
    """All candidates, the safest first; each costs less than the full network.

    Args:
        frontier: of agreement on `selection`, from cheap to dear.
        full: the network without early exits.
        selection: pictures that the frontier was found on; none of those that will certify.
        costs: of the network's parts.
    """
    cheaper = [
        point for point in reversed(frontier) if point.leaves_early and point.cost < full.cost
    ]
    if not cheaper:
        return []
    beta = cheaper[0].beta
    safer = [
        _without_idle_heads(score_point(selection, costs, thresholds, beta), selection, costs)
        for thresholds in raised(cheaper[0].thresholds, _RISES)
    ]
    return [*(point for point in safer if point.cost < full.cost), *cheaper]


def _without_idle_heads(point: FrontierPoint, selection: ExitTable, costs: Costs) -> FrontierPoint:
    """Switch off one exit after another, that which saves most first, as long as that saves."""
    while True:
        fewer = [
            score_point(selection, costs, _without(point.thresholds, k), point.beta)
            for k, tau in enumerate(point.thresholds)
            if tau is not None
        ]
        best = min(fewer, key=lambda each: each.cost, default=point)
        if best.cost >= point.cost:
            return point
        point = best


def _without(thresholds: Sequence[float | None], exit_index: int) -> tuple[float | None, ...]:
    return tuple(None if k == exit_index else tau for k, tau in enumerate(thresholds))
