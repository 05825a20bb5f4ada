"""One method in one setting, measured on one split: a row of `evaluation.json`."""

import msgspec
import numpy as np

from dart_stream.costs import Costs
from dart_stream.evaluation.paired import paired_difference
from dart_stream.exit_table import ExitTable
from dart_stream.methods import FittedMethod, Outcome
from dart_stream.metrics import (
    accuracy_interval,
    average_exit_depth,
    exit_shares,
    expected_calibration_error,
)

Pair = tuple[float, float]


class MethodRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a method did to the pictures of a split; shares lie in [0, 1].

    Attributes:
        name: of the method.
        setting: what was chosen.
        budget: share of the full network's cost that it was chosen for, None if for none.
        chosen_by: unit of that cost.
        accuracy: of the answers given.
        accuracy_ci95: its exact 95 % interval.
        macs_fraction: mean multiply-accumulates as a share of the full network's, heads
            included, and the difficulty estimator where the method reads difficulty.
        time_ms: wall clock of a picture through the engine, everything included; None where it
            was not run or cannot be.
        speedup: the full network's time divided by it (Eq. 20).
        energy_j: of a picture; None where it was not measured.
        exits: share of the pictures that stop at each exit.
        average_exit_depth: mean of (exit + 1) / exits.
        compute_savings_ratio: 1 - macs_fraction.
        ece: expected calibration error of the answers given.
        daes: Eq. 9; None without measured energy, or something that was asked to stand for it.
        exit_gap: accuracy that the full network has more, on the same pictures.
        exit_gap_ci95: its 95 % interval.
        disagreement: share answered unlike the full network.
    """

    name: str
    setting: str
    budget: float | None
    chosen_by: str
    accuracy: float
    accuracy_ci95: Pair
    macs_fraction: float
    time_ms: float | None = None
    speedup: float | None = None
    energy_j: float | None = None
    exits: list[float]
    average_exit_depth: float
    compute_savings_ratio: float
    ece: float
    daes: float | None = None
    exit_gap: float
    exit_gap_ci95: Pair
    disagreement: float


def describe(fitted: FittedMethod, chosen_by: str, outcome: Outcome, table: ExitTable) -> MethodRow:
    """Measure what a fitted method decided on labelled pictures.

    Args:
        fitted: the method.
        chosen_by: unit of the costs that it was fitted to.
        outcome: its decisions, their cost in multiply-accumulates.
        table: of the pictures.
    """
    assert table.labels is not None, "rows are about labelled pictures"
    right, full_right = outcome.answers == table.labels, table.correct[:, -1]
    gap = paired_difference(full_right, right)
    interval = accuracy_interval(outcome.answers, table.labels)
    share = macs_share(outcome, table.macs)
    return MethodRow(
        name=fitted.name,
        setting=fitted.setting,
        budget=fitted.budget,
        chosen_by=chosen_by,
        accuracy=float(right.mean()),
        accuracy_ci95=(interval.lower, interval.upper),
        macs_fraction=share,
        exits=exit_shares(outcome.exits, table.num_exits).tolist(),
        average_exit_depth=average_exit_depth(outcome.exits, table.num_exits),
        compute_savings_ratio=1 - share,
        ece=expected_calibration_error(outcome.confidence, right),
        exit_gap=gap.mean,
        exit_gap_ci95=gap.ci95,
        disagreement=float(np.mean(outcome.answers != table.answers[:, -1])),
    )


def macs_share(outcome: Outcome, macs: Costs) -> float:
    """Mean cost of an outcome as a share of the full network's."""
    return float(outcome.cost.mean()) / macs.plain()
