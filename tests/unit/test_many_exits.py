"""Networks with more early exits than all vectors of thresholds can be counted for."""

import itertools

import numpy as np
import pytest
from synthetic_table import costs_of, synthetic_table

from dart_stream.errors import DataError
from dart_stream.evaluation.evaluate import measure_methods
from dart_stream.evaluation.halvings import compare_on_halves
from dart_stream.methods import METHODS, methods_for
from dart_stream.policies import DartPolicy, replay
from dart_stream.thresholds import MaxDisagreement, find_frontier
from dart_stream.thresholds.choice import choose_policy, random_halves, selection_facts
from dart_stream.thresholds.within import best_within_budgets

EXITS = 8


@pytest.fixture
def table():
    return synthetic_table(count=1500, exits=EXITS)


@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_a_policy_with_these_thresholds_does_what_the_frontier_says(table, beta):
    frontier = find_frontier(table, table.macs, betas=(beta,))
    assert len(frontier) > 10
    rows = np.arange(len(table))
    for point in frontier:
        policy = DartPolicy(thresholds=point.thresholds, beta=point.beta)
        exits = replay(policy, table.probabilities, table.difficulty)
        watched = [tau is not None for tau in point.thresholds]
        paid = table.macs.paid(reads_difficulty=policy.reads_difficulty)
        assert paid.up_to_exit(watched)[exits].mean() == pytest.approx(point.cost)
        assert table.correct[rows, exits].mean() == pytest.approx(point.accuracy)
        assert 1 - table.agrees[rows, exits].mean() == pytest.approx(point.disagreement)


def test_it_spans_from_the_first_exit_to_the_full_network(table):
    frontier = find_frontier(table, table.macs)
    blind = table.macs.paid(reads_difficulty=False)
    assert frontier[0].cost == pytest.approx(blind.up_to_exit()[0])
    assert frontier[-1].accuracy >= table.correct[:, -1].mean()
    for before, after in itertools.pairwise(frontier):
        assert before.cost <= after.cost
        assert before.accuracy < after.accuracy


def test_on_few_exits_it_comes_close_to_the_exact_search(monkeypatch):
    table = synthetic_table(count=1500, exits=4)
    exact = find_frontier(table, table.macs)
    monkeypatch.setattr("dart_stream.thresholds.vectors.MAX_EXACT_EXITS", 2)
    swept = find_frontier(table, table.macs)
    assert [p.thresholds for p in swept] != [p.thresholds for p in exact]
    for share in (0.36, 0.5, 0.75):
        budget = share * table.macs.plain()
        best, found = (
            max(p.accuracy for p in points if p.cost <= budget) for points in (exact, swept)
        )
        assert best - 0.02 <= found <= best + 0.005


def test_a_policy_is_chosen_and_certified_and_says_how(table):
    objective, halves = MaxDisagreement(0.05), random_halves(len(table), 0)
    made = choose_policy(table, table.macs, objective, halves, worth="agreement")
    assert made.certificate.disagreement.upper < 0.12
    facts = selection_facts(objective, table.take(halves.selection), "validation")
    assert facts["method"].startswith("dynamic programming")
    few = selection_facts(objective, synthetic_table(), "validation")
    assert few["method"].startswith("exact search")


@pytest.mark.parametrize(("exits", "seed"), [(7, 1), (7, 3), (9, 1), (12, 0)])
def test_on_its_own_pictures_no_single_threshold_is_better(exits, seed):
    """Dynamic programming may find nothing as good; then the single one is taken."""
    generator = np.random.default_rng(seed)
    labels = synthetic_table(count=400, exits=exits, seed=seed).labels
    logits = 2 * generator.normal(size=(400, exits, 5)) + 1.5 * np.eye(5)[labels][:, None]
    table = synthetic_table(count=400, exits=exits, seed=seed, logits=logits.astype(np.float32))
    budgets = (0.75, 0.5, 0.35, 0.25)
    best = best_within_budgets(table, table.macs, budgets)
    for name in ("shared", "single"):
        for rival in METHODS[name].fit(table, table.macs, budgets):
            outcome = rival.decide(table, table.macs)
            for budget, ours in best.items():
                if outcome.cost.mean() <= budget * table.macs.plain():
                    assert ours.cost <= budget * table.macs.plain()
                    assert ours.accuracy >= (outcome.answers == table.labels).mean() - 1e-9


def test_all_methods_that_can_are_compared(table):
    names = methods_for(EXITS - 1)
    assert set(METHODS) - set(names) == {"dart-paper"}
    test = synthetic_table(count=300, exits=EXITS, seed=1)
    rows = [m.row for m in measure_methods(table, test, costs_of(EXITS), names, (0.5,))]
    assert {row.name for row in rows} == set(names)
    halves = compare_on_halves(table, test, (0.5,), (0,))
    assert "dart-paper" not in halves.over_budgets
    assert "shared" in halves.over_budgets


def test_a_method_that_cannot_take_so_many_says_so(table):
    with pytest.raises(DataError, match="dart-paper: expected 1 to 5 early exits, got 7"):
        METHODS["dart-paper"].fit(table, table.macs, (0.5,))
