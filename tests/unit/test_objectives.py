"""What objectives pick from a frontier, and what a certificate says of it."""

import numpy as np
import pytest

from dart_stream.errors import DataError
from dart_stream.metrics import clopper_pearson_interval
from dart_stream.thresholds import (
    CostBudget,
    Decisions,
    FrontierPoint,
    MaxDisagreement,
    MaxExitGap,
    PaperObjective,
    certify,
)


def point(cost, accuracy, disagreement):
    return FrontierPoint((0.5, None), 0.0, cost, accuracy, disagreement)


FRONTIER = [point(20, 0.7, 0.3), point(40, 0.85, 0.1), point(60, 0.9, 0.04), point(90, 0.91, 0.01)]
FULL = point(100, 0.905, 0.0)


@pytest.mark.parametrize(
    ("objective", "cost"),
    [
        (CostBudget(0.2), 20),
        (CostBudget(0.59), 40),
        (CostBudget(5.0), 90),
        (MaxDisagreement(0.05), 60),
        (MaxDisagreement(0.001), 100),
        (MaxExitGap(0.01), 60),
        (MaxExitGap(0.055), 40),  # 0.905 - 0.055 is a little more than 0.85
        (MaxExitGap(-0.01), 100),
        (PaperObjective(0.0), 90),
        (PaperObjective(0.5), 40),
        (PaperObjective(1.0), 20),
    ],
)
def test_each_objective_picks_its_point(objective, cost):
    assert objective.choose(FRONTIER, FULL).cost == cost


def test_a_budget_below_the_first_exit_says_what_that_takes():
    with pytest.raises(DataError, match=r"at least 0\.200 .* got 0\.1"):
        CostBudget(0.1).choose(FRONTIER, FULL)


def test_accuracy_is_not_asked_of_pictures_without_labels():
    with pytest.raises(DataError, match="labelled"):
        MaxExitGap(0.1).choose([point(1, None, 0.1)], FULL)


def decisions(labels, answers, full):
    columns = [np.array(column) for column in (answers, full, labels)]
    return Decisions(np.zeros(len(labels), np.int64), columns[0], columns[1], columns[2])


def test_a_certificate_bounds_disagreement_and_gap():
    # 100 pictures: 6 lost, 2 won, 1 wrong in two ways, the rest alike.
    labels = [0] * 100
    answers = [1] * 6 + [0] * 2 + [1] + [0] * 91
    full = [0] * 6 + [1] * 2 + [2] + [0] * 91
    made = certify(decisions(labels, answers, full), 0.4, "here", confidence=0.9)
    assert (made.n, made.confidence, made.cost_share) == (100, 0.9, 0.4)
    assert made.disagreement.estimate == pytest.approx(0.09)
    assert made.disagreement.upper == pytest.approx(clopper_pearson_interval(9, 100, 0.8).upper)
    assert made.exit_gap.estimate == pytest.approx(0.04)
    lost, won = (clopper_pearson_interval(events, 100, 0.95) for events in (6, 2))
    assert made.exit_gap.upper == pytest.approx(lost.upper - won.lower)
    assert made.exit_gap.lower == pytest.approx(lost.lower - won.upper)


def test_bounds_hold_as_often_as_they_say():
    generator = np.random.default_rng(0)
    true_gap, held, rounds = 0.05, 0, 400
    for _ in range(rounds):
        kind = generator.choice(3, 200, p=[0.08, 0.03, 0.89])  # lost, won, alike
        labels = np.zeros(200, np.int64)
        answers, full = (kind == 0).astype(np.int64), (kind == 1).astype(np.int64)
        bound = certify(Decisions(labels, answers, full, labels), 0.5, "here").exit_gap
        held += bound.lower <= true_gap <= bound.upper
    assert held / rounds >= 0.95


def test_without_labels_there_is_no_gap():
    exits = np.zeros(4, np.int64)
    made = certify(Decisions(exits, exits, exits, None), 0.5, "here")
    assert made.exit_gap is None
    assert made.disagreement.estimate == 0
