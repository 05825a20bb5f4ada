"""Does the order of methods depend on which validation pictures chose the thresholds?

Thresholds are chosen anew on several random halves of the validation pictures, every time all
methods on the same half, and compared picture by picture on test.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from dart_stream.evaluation.method_row import macs_share
from dart_stream.evaluation.paired import Difference, paired_difference
from dart_stream.exit_table import ExitTable
from dart_stream.methods import METHODS, Method, methods_for
from dart_stream.thresholds.choice import random_halves

Floats = NDArray[np.float64]

OURS = "dart"
_LIMITS = ("oracle",)  # knows the labels: a limit, not a rival


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """Our accuracy less a rival's at one budget, the mean over halvings, picture by picture.

    Attributes:
        name: of the rival.
        budget: share of the full network's cost that both were chosen for.
        difference: of accuracies, positive where ours is higher.
        ours: mean realised cost as a share of the full network's.
        theirs: the same of the rival.
        halvings: in how many of them both reached the budget.
    """

    name: str
    budget: float
    difference: Difference
    ours: float
    theirs: float
    halvings: int


class Halvings(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison over several halves.

    Attributes:
        seeds: of the halves.
        rows: our accuracy, cost and gap at each budget and seed.
        rivals: see `Rival`.
        over_budgets: our accuracy less each rival's, the mean over budgets too.
    """

    seeds: list[int]
    rows: list["HalvingRow"]
    rivals: list[Rival]
    over_budgets: dict[str, Difference]


class HalvingRow(msgspec.Struct, frozen=True, kw_only=True):
    """Our policy, chosen on one half for one budget, on test."""

    seed: int
    budget: float
    accuracy: float
    cost_share: float
    exit_gap: float
    exit_gap_ci95: tuple[float, float]


class _Run(msgspec.Struct, frozen=True):
    """One method, budget and seed on test: right answers [N] and mean cost share."""

    right: Floats
    cost_share: float


def compare_on_halves(
    validation: ExitTable,
    test: ExitTable,
    budgets: Sequence[float],
    seeds: Sequence[int],
    on_seed: Callable[[int], None] = lambda _seed: None,
) -> Halvings:
    """Choose every method's setting on halves of `validation` and compare all on `test`.

    Costs are multiply-accumulates.
    """
    runs: dict[tuple[str, float, int], _Run] = {}
    for seed in seeds:
        on_seed(seed)
        half = validation.take(random_halves(len(validation), seed).selection)
        for name in methods_for(test.num_exits - 1):
            if name not in _LIMITS:
                runs |= _runs_of(METHODS[name], half, test, budgets, seed)
    full = test.correct[:, -1]
    return Halvings(
        seeds=list(seeds),
        rows=[_row(seed, budget, run, full) for (budget, seed), run in _of(runs, OURS).items()],
        rivals=_rivals(runs, budgets),
        over_budgets=_over_budgets(runs),
    )


def _runs_of(
    method: Method, half: ExitTable, test: ExitTable, budgets: Sequence[float], seed: int
) -> dict[tuple[str, float, int], _Run]:
    runs = {}
    for fitted in method.fit(half, half.macs, budgets):
        if fitted.budget is not None:
            outcome = fitted.decide(test, test.macs)
            right = (outcome.answers == test.labels).astype(np.float64)
            share = macs_share(outcome, test.macs)
            runs[method.name, fitted.budget, seed] = _Run(right, share)
    return runs


def _of(runs: Mapping[tuple[str, float, int], _Run], name: str) -> dict[tuple[float, int], _Run]:
    return {(budget, seed): run for (who, budget, seed), run in runs.items() if who == name}


def _row(seed: int, budget: float, run: _Run, full: NDArray[np.bool_]) -> HalvingRow:
    gap = paired_difference(full, run.right)
    return HalvingRow(
        seed=seed,
        budget=budget,
        accuracy=float(run.right.mean()),
        cost_share=run.cost_share,
        exit_gap=gap.mean,
        exit_gap_ci95=gap.ci95,
    )


def _rivals(runs: Mapping[tuple[str, float, int], _Run], budgets: Sequence[float]) -> list[Rival]:
    ours, rivals = _of(runs, OURS), []
    for name in sorted({who for who, _, _ in runs} - {OURS}):
        theirs = _of(runs, name)
        for budget in budgets:
            both = [at for at in ours.keys() & theirs.keys() if at[0] == budget]
            if both:
                rivals.append(
                    Rival(
                        name=name,
                        budget=budget,
                        difference=_mean_difference(ours, theirs, both),
                        ours=float(np.mean([ours[at].cost_share for at in both])),
                        theirs=float(np.mean([theirs[at].cost_share for at in both])),
                        halvings=len(both),
                    )
                )
    return rivals


def _over_budgets(runs: Mapping[tuple[str, float, int], _Run]) -> dict[str, Difference]:
    ours, found = _of(runs, OURS), {}
    for name in sorted({who for who, _, _ in runs} - {OURS}):
        theirs = _of(runs, name)
        both = sorted(ours.keys() & theirs.keys())
        if both:
            found[name] = _mean_difference(ours, theirs, both)
    return found


def _mean_difference(
    ours: Mapping[tuple[float, int], _Run],
    theirs: Mapping[tuple[float, int], _Run],
    both: Sequence[tuple[float, int]],
) -> Difference:
    """Averaged over budgets and seeds for each picture first: pictures are what is random."""
    return paired_difference(
        np.mean([ours[at].right for at in both], axis=0),
        np.mean([theirs[at].right for at in both], axis=0),
    )
