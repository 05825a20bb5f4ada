"""Thresholds by how likely answers are right, and what was counted as the floor."""

import numpy as np
import pytest

from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from dart_stream.methods import METHODS
from dart_stream.thresholds import find_frontier
from dart_stream.thresholds.expected import expected_accuracy
from dart_stream.thresholds.point import score_point
from dart_stream.thresholds.within import best_within_budgets

COSTS = Costs(stages=[10, 30, 60], heads=[1, 1, 1], estimator=0.5)
BUDGETS = (0.25, 0.35, 0.5, 0.75)


def table(count=400, seed=0, labelled=True, scale=1.0):
    """Deeper exits are surer and right more often; confidences are about calibrated."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, count)
    signal = 2.5 * np.eye(4)[labels] + generator.normal(0, 1, (count, 4))
    noise = generator.normal(0, 1, (count, 3, 4)) * np.array([1.5, 1, 0.2])[:, None]
    return ExitTable(
        logits=(scale * (signal[:, None] + noise)).astype(np.float32),
        temperatures=(1.0, 1.0, 1.0),
        labels=labels if labelled else None,
        difficulty=generator.random(count).astype(np.float32),
        macs=COSTS,
        classes=tuple("abcd"),
        source="test",
    )


def test_chances_are_chances_and_right_on_average():
    made = table(count=4000, scale=2.0)
    chances = expected_accuracy(made)
    assert chances.shape == made.correct.shape
    assert (chances >= 0).all()
    assert (chances <= 1).all()
    assert chances.mean(axis=0) == pytest.approx(made.correct.mean(axis=0), abs=0.03)
    assert chances.std(axis=0).max() < made.correct.std(axis=0).min()


def test_nobody_knows_chances_without_labels():
    with pytest.raises(DataError, match="labels"):
        expected_accuracy(table(labelled=False))


@pytest.mark.parametrize("scale", [0.0, 1e6])
def test_confidences_that_say_nothing_leave_numbers(scale):
    """All equal, or all 0 and 1."""
    assert np.isfinite(expected_accuracy(table(count=60, scale=scale))).all()


@pytest.mark.parametrize("seed", range(4))
def test_on_its_own_pictures_no_single_threshold_is_better(seed):
    made = table(seed=seed)
    best = best_within_budgets(made, COSTS, BUDGETS, (0.0, 1.0), levels=len(made))
    assert set(best) == set(BUDGETS)
    for name in ("shared", "fixed", "single"):
        for rival in METHODS[name].fit(made, COSTS, BUDGETS):
            outcome = rival.decide(made, COSTS)
            theirs = (outcome.answers == made.labels).mean()
            for budget, ours in best.items():
                if outcome.cost.mean() <= budget * COSTS.plain():
                    assert ours.accuracy >= theirs - 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_a_point_does_what_it_says_within_its_budget(seed):
    made = table(seed=seed)
    for budget, point in best_within_budgets(made, COSTS, BUDGETS, (0.0, 1.0)).items():
        assert point.cost <= budget * COSTS.plain()
        scored = score_point(made, COSTS, point.thresholds, point.beta)
        assert scored.cost == pytest.approx(point.cost)
        assert scored.accuracy == pytest.approx(point.accuracy)


def test_what_nothing_keeps_to_is_left_out():
    assert best_within_budgets(table(), COSTS, (0.01, 0.5)).keys() == {0.5}


def test_on_other_pictures_it_is_right_more_often_than_the_best_counted():
    """Over 30 tables of 400 pictures, each judged on 4,000 others."""
    gains = []
    for seed in range(30):
        everything = table(count=4400, seed=seed)
        few, others = everything.take(np.arange(400)), everything.take(np.arange(400, 4400))
        best = best_within_budgets(few, COSTS, BUDGETS)
        frontier = find_frontier(few, COSTS)
        for budget, point in best.items():
            counted = [p for p in frontier if p.cost <= budget * COSTS.plain()][-1]
            ours, theirs = (
                score_point(others, COSTS, p.thresholds, p.beta).accuracy for p in (point, counted)
            )
            gains.append(ours - theirs)
    assert np.mean(gains) > 0.002


def test_a_frontier_of_chances_rises():
    frontier = find_frontier(table(), COSTS, "expected")
    chances = [point.expected for point in frontier]
    assert chances == sorted(chances)
    assert len(frontier) > 5
