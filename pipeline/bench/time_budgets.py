"""Budgets of measured time, which whole runs keep.

Parts are timed one by one on full batches. In a run the caches hold other things and batches shrink
from exit to exit, so that a policy takes some per cent more or less than its parts add up to. Each
budget is therefore planned from parts, timed as a whole on pictures that thresholds are chosen on,
and planned once more with what it missed by.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.costs import Costs
from dart_stream.engine.policy_times import time_policies
from dart_stream.exit_table import ExitTable
from dart_stream.methods import METHODS, FittedMethod
from dart_stream.policies import FullDepthPolicy, Policy
from pipeline.bench.subject import Subject
from pipeline.bench.timed_rows import timed_rows

_REPEATS: Final = 3


def fit_to_time(  # noqa: PLR0913 - what is fitted, and what it is timed on
    names: Sequence[str],
    budgets: Sequence[float],
    *,
    subject: Subject,
    table: ExitTable,
    images: NDArray[np.uint8],
    costs: Costs,
    batch: int,
) -> list[FittedMethod]:
    """Fit methods to shares of the full network's time.

    Args:
        names: of methods whose policies the engine can run.
        budgets: shares.
        subject: the model.
        table: of labelled pictures that it was not trained on.
        images: the same pictures, in the same order.
        costs: milliseconds of its parts.
        batch: pictures handed over at once.
    """
    rows = timed_rows(len(table))
    few, some = table.take(rows), images[rows]
    fitted: list[FittedMethod] = []
    for name in names:
        planned = _within(METHODS[name].fit(table, costs, budgets))
        if planned:
            taken = _shares_taken(subject, list(planned.values()), some, batch)
            said = [
                each.decide(few, costs).cost.mean() / costs.plain() for each in planned.values()
            ]
            fitted += _planned_again(planned, table, costs, taken / np.array(said))
    return fitted


def _within(fitted: Sequence[FittedMethod]) -> dict[float, FittedMethod]:
    """Those that the engine can run, by the budget that they were chosen for."""
    return {
        each.budget: each for each in fitted if each.budget is not None and each.policy is not None
    }


def _planned_again(
    planned: dict[float, FittedMethod], table: ExitTable, costs: Costs, miss: NDArray[np.float64]
) -> list[FittedMethod]:
    """Fit with what whole runs take more than their parts; as it was where that leaves nothing."""
    aims = {budget / each: budget for budget, each in zip(planned, miss.tolist(), strict=True)}
    name = next(iter(planned.values())).name
    for aim, each in _within(METHODS[name].fit(table, costs, list(aims))).items():
        planned[aims[aim]] = replace(each, budget=aims[aim])
    return list(planned.values())


def _shares_taken(
    subject: Subject, planned: Sequence[FittedMethod], images: NDArray[np.uint8], batch: int
) -> NDArray[np.float64]:
    """Time of each as a share of the full network's; medians of rounds in which all have a turn."""
    policies: list[Policy] = [FullDepthPolicy()]
    policies += [fitted.policy for fitted in planned if fitted.policy is not None]
    readings = time_policies(
        subject.engine, images, policies, subject.tables, batch_size=batch, repeats=_REPEATS
    )
    shares: NDArray[np.float64] = np.median(readings[:, 1:] / readings[:, :1], axis=0)
    return shares
