"""The best policy that is chosen once, on calibration pictures, and never again."""

from typing import Final
from weakref import WeakKeyDictionary

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.policies import DartPolicy, FullDepthPolicy, Policy
from dart_stream.thresholds import FrontierPoint, find_frontier

_KNOWN: Final[WeakKeyDictionary[ExitTable, dict[str, list[FrontierPoint]]]] = WeakKeyDictionary()


def static_policy(
    table: ExitTable, costs: Costs, epsilon: float, target_cost_share: float | None
) -> Policy:
    """Choose from the frontier of agreement.

    Args:
        table: pictures that the network was not trained on.
        costs: of its parts.
        epsilon: the cheapest point that differs no more often is taken,
        target_cost_share: or the one that agrees most for at most this cost, if given.
    """
    frontier = _frontier(table, costs)
    if target_cost_share is None:
        fitting = [p for p in frontier if p.disagreement <= epsilon][:1]
    else:
        fitting = [p for p in frontier if p.cost <= target_cost_share * costs.plain()][-1:]
    if not fitting:
        return FullDepthPolicy()
    return DartPolicy(thresholds=fitting[0].thresholds, beta=fitting[0].beta)


def _frontier(table: ExitTable, costs: Costs) -> list[FrontierPoint]:
    known = _KNOWN.setdefault(table, {})
    key = repr(costs)
    if key not in known:
        known[key] = find_frontier(table, costs, "agreement")
    return known[key]
