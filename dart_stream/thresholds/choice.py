"""From an exit table to `policy.json`: select on one half, certify on the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from dart_stream.policies import DartPolicy, replay
from dart_stream.thresholds.candidates import safe_to_aggressive
from dart_stream.thresholds.certificate import (
    Certificate,
    Decisions,
    certify,
    gap_within_disagreement,
)
from dart_stream.thresholds.frontier import find_frontier
from dart_stream.thresholds.grid import MAX_EXACT_EXITS
from dart_stream.thresholds.objectives import CostBudget, MaxDisagreement, Objective
from dart_stream.thresholds.point import FrontierPoint, Worth, full_depth
from dart_stream.thresholds.spending import spend
from dart_stream.thresholds.walk import walk

FORMAT_VERSION: Final = 1
_KEPT_POINTS: Final = 64
LEAST_PICTURES: Final = 40
"""Fewer make no halves worth the name."""

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Halves:
    """Rows of a table.

    Attributes:
        selection: to select on.
        certification: to certify on, each an independent picture.
        later: all that selected nothing; what a policy costs is told by these.
    """

    selection: Rows
    certification: Rows
    later: Rows


def random_halves(n: int, seed: int) -> Halves:
    """Halves of pictures in no order.

    Raises:
        DataError: too few pictures.
    """
    order = np.random.default_rng(seed).permutation(_enough(n))
    rest = np.sort(order[n // 2 :])
    return Halves(np.sort(order[: n // 2]), rest, rest)


def earlier_and_later(n: int, starts: NDArray[np.bool_] | None = None) -> Halves:
    """Halves of footage in the order of time: what was selected is certified on what came later.

    Args:
        n: pictures.
        starts: (n,), which begin a scene; of those that came later only these count, since a
            hundred pictures of one scene prove no more than one. None counts all.

    Raises:
        DataError: too few pictures.
    """
    rows = np.arange(_enough(n))
    counts = np.ones(n, np.bool_) if starts is None else starts.copy()
    counts[n // 2] = True  # the first that came later is the only one of its scene that did
    later = rows[n // 2 :]
    return Halves(rows[: n // 2], later[counts[n // 2 :]], later)


@dataclass(frozen=True, slots=True, eq=False)
class ChosenPolicy:
    """A policy with what it was chosen from and what is known about it."""

    point: FrontierPoint
    frontier: Sequence[FrontierPoint]
    full: FrontierPoint
    certificate: Certificate

    @property
    def policy(self) -> DartPolicy:
        """The thresholds as the engine takes them."""
        return policy_of(self.point)

    def to_dict(self, selection: dict[str, Any]) -> dict[str, Any]:
        """The body of `policy.json`.

        Args:
            selection: how the choice was made, for people.
        """
        return {
            "format_version": FORMAT_VERSION,
            "frontier": [self._described(point) for point in thinned(self.frontier)],
            "chosen": self.policy.to_dict(),
            "certificate": msgspec.to_builtins(self.certificate),
            "selection": selection | self._described(self.point),
        }

    def _described(self, point: FrontierPoint) -> dict[str, Any]:
        return {
            "thresholds": list(point.thresholds),
            "beta": point.beta,
            "cost_share": point.cost / self.full.cost,
            "accuracy": point.accuracy,
            "disagreement": point.disagreement,
        }


def choose_policy(  # noqa: PLR0913 - what a choice is made of, each named by its caller
    table: ExitTable,
    costs: Costs,
    objective: Objective,
    halves: Halves,
    *,
    worth: Worth,
    betas: Sequence[float] = (0.0,),
    confidence: float = 0.95,
    bounded: bool = False,
) -> ChosenPolicy:
    """Find the frontier on one half, pick a point, and certify it on the other.

    Objectives are met on the first half, and the other one says what came of it; but what limits a
    policy may be kept where it is certified, and then the other half decides how far to go. For
    disagreement that is a bound (`walk`, along `safe_to_aggressive`), which takes a few hundred
    pictures; for a budget it is the mean cost (`spend`).

    Args:
        table: of pictures that the model was not trained on.
        costs: of its exits, that the objective speaks of.
        objective: what to ask of thresholds.
        halves: of the table.
        worth: what the frontier keeps.
        betas: sensitivities to difficulty that compete.
        confidence: of the certificate's bounds.
        bounded: keep a limit on disagreement as a bound, a budget on the second half.

    Raises:
        DataError: the objective cannot be met.
    """
    selection = table.take(halves.selection)
    frontier = find_frontier(selection, costs, worth, betas)
    full = full_depth(selection, costs)
    held_out, later = table.take(halves.certification), table.take(halves.later)
    point, candidates = objective.choose(frontier, full), 1
    match objective if bounded else None:
        case MaxDisagreement(share=limit):
            safest_first = safe_to_aggressive(frontier, full, selection, costs)
            point = walk(safest_first, full, held_out, limit, confidence)
        case CostBudget(share=share):
            spending = spend(frontier, point, later, costs, share * full.cost)
            point, candidates = spending.point, spending.candidates
    decisions, _ = decide(held_out, policy_of(point), costs)
    _, cost = decide(later, policy_of(point), costs)
    certificate = certify(decisions, cost / full.cost, table.source, confidence, candidates)
    if bounded and isinstance(objective, MaxDisagreement):
        certificate = gap_within_disagreement(certificate)
    return ChosenPolicy(point, frontier, full, certificate)


def selection_facts(objective: Objective, selection: ExitTable, described: str) -> dict[str, Any]:
    """How thresholds were chosen, for `policy.json`.

    Args:
        objective: what was asked of them.
        selection: the pictures that chose.
        described: the same in words.
    """
    exact = selection.num_exits - 1 <= MAX_EXACT_EXITS
    return {
        "method": "exact search over all threshold vectors of a grid"
        if exact
        else "dynamic programming over a sweep of prices, re-scored on every picture",
        "objective": repr(objective),
        "split": described,
        "n": len(selection),
    }


def policy_of(point: FrontierPoint) -> DartPolicy:
    """Thresholds of a frontier as a policy."""
    return DartPolicy(thresholds=point.thresholds, beta=point.beta)


def decide(table: ExitTable, policy: DartPolicy, costs: Costs) -> tuple[Decisions, float]:
    """What a policy does to pictures, and what it costs on average."""
    exits = replay(policy, table.probabilities, table.difficulty)
    answers = table.answers[np.arange(len(table)), exits]
    watched = [policy.watches(k) for k in range(table.num_exits - 1)]
    paid = costs.paid(reads_difficulty=policy.reads_difficulty)
    cost = paid.up_to_exit(watched)[exits].mean()
    return Decisions(exits, answers, table.answers[:, -1], table.labels), float(cost)


def thinned(frontier: Sequence[FrontierPoint], count: int = _KEPT_POINTS) -> list[FrontierPoint]:
    """At most `count` points, the first and the last among them."""
    if len(frontier) <= count:
        return list(frontier)
    kept = np.unique(np.linspace(0, len(frontier) - 1, count).round().astype(int))
    return [frontier[index] for index in kept]


def _enough(n: int) -> int:
    if n < LEAST_PICTURES:
        raise DataError(
            f"thresholds: expected at least {LEAST_PICTURES} pictures to select and certify on, "
            f"got {n}; add some"
        )
    return n
