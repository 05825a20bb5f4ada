"""The accuracy-cost frontier of a table."""

import itertools

import numpy as np
import pytest

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.policies import DartPolicy, replay
from dart_stream.thresholds import MaxDisagreement, find_frontier, full_depth

COSTS = Costs(stages=[10, 30, 60], heads=[1, 1, 1], estimator=0.5)


def table(count=300, seed=0, labelled=True, classes=4):
    """Deeper exits are surer and right more often."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    signal = 3 * np.eye(classes)[labels] + generator.normal(0, 1, (count, classes))
    noise = generator.normal(0, 1, (count, 3, classes)) * np.array([2, 1, 0.2])[:, None]
    return ExitTable(
        logits=(signal[:, None] + noise).astype(np.float32),
        temperatures=(1.0, 1.0, 1.0),
        labels=labels if labelled else None,
        difficulty=generator.random(count).astype(np.float32),
        macs=COSTS,
        classes=tuple("abcd"[:classes]),
        source="test",
    )


def outcome(made, point):
    """Cost, accuracy and disagreement by asking the policy, as the engine does."""
    policy = DartPolicy(thresholds=point.thresholds, beta=point.beta)
    exits = replay(policy, made.probabilities, made.difficulty)
    watched = [threshold is not None for threshold in point.thresholds]
    rows = np.arange(len(made))
    paid = COSTS.paid(reads_difficulty=policy.reads_difficulty)
    return (
        paid.up_to_exit(watched)[exits].mean(),
        made.correct[rows, exits].mean(),
        1 - made.agrees[rows, exits].mean(),
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_policy_with_these_thresholds_does_what_the_frontier_says(seed):
    made = table(seed=seed)
    frontier = find_frontier(made, COSTS, betas=(0.0, 0.7), levels=12)
    assert len(frontier) > 5
    for point in frontier:
        said = (point.cost, point.accuracy, point.disagreement)
        assert outcome(made, point) == pytest.approx(said)


def test_costs_rise_and_so_does_accuracy():
    frontier = find_frontier(table(), COSTS)
    for before, after in itertools.pairwise(frontier):
        assert before.cost <= after.cost
        assert before.accuracy < after.accuracy


def test_nothing_on_the_grid_beats_the_frontier():
    """In particular no shared threshold and no single exit."""
    made = table(seed=3)
    frontier = find_frontier(made, COSTS, levels=len(made))
    for shared in np.linspace(0.3, 0.99, 24):
        for thresholds in ((shared, shared), (shared, None), (None, shared)):
            cost, accuracy, _ = outcome(made, _Point(thresholds))
            best = max(p.accuracy for p in frontier if p.cost <= cost + 1e-9)
            assert best >= accuracy - 1e-9


def test_more_betas_never_make_it_worse():
    made = table(seed=5)
    plain = find_frontier(made, COSTS, betas=(0.0,))
    rich = find_frontier(made, COSTS, betas=(0.0, 0.5, 1.0))
    for point in plain:
        assert any(p.cost <= point.cost and p.accuracy >= point.accuracy for p in rich)


def test_without_labels_it_keeps_the_full_networks_answers():
    frontier = find_frontier(table(labelled=False), COSTS, "agreement")
    assert frontier[-1].disagreement == pytest.approx(0)
    assert all(point.accuracy is None for point in frontier)
    for before, after in itertools.pairwise(frontier):
        assert before.disagreement > after.disagreement


@pytest.mark.parametrize("worth", ["agreement", "accuracy"])
def test_numbers_of_pictures_are_exact(worth):
    made = table(count=1_000, seed=7)
    frontier = find_frontier(made, COSTS, worth)
    for point in frontier:
        assert point.disagreement == round(1_000 * point.disagreement) / 1_000
        assert point.accuracy == round(1_000 * point.accuracy) / 1_000
        # A limit of exactly what differs allows it.
        at_most = MaxDisagreement(point.disagreement).choose(frontier, full_depth(made, COSTS))
        assert at_most.cost <= point.cost
    kept = [
        round(1_000 * (1 - p.disagreement if worth == "agreement" else p.accuracy))
        for p in frontier
    ]
    assert kept == sorted(set(kept))


def test_confidences_that_were_rounded_to_one_leave_whatever_is_asked():
    made = table(seed=9)
    sharp = ExitTable(
        logits=made.logits * 12,
        temperatures=made.temperatures,
        labels=made.labels,
        difficulty=made.difficulty,
        macs=COSTS,
        classes=made.classes,
        source="test",
    )
    assert 0.1 < (sharp.confidence[:, 0] == 1).mean() < 0.9
    frontier = find_frontier(sharp, COSTS, betas=(4.0,), levels=40)
    early = [point for point in frontier if point.leaves_early]
    assert len(early) > 5
    for point in early:
        said = (point.cost, point.accuracy, point.disagreement)
        assert outcome(sharp, point) == pytest.approx(said)


class _Point:
    def __init__(self, thresholds):
        self.thresholds, self.beta = thresholds, 0.0
