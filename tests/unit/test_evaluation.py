"""Rows, paired differences, breakdowns and re-halvings of an evaluation."""

import numpy as np
import pytest
from synthetic_table import synthetic_table

from dart_stream.errors import DataError
from dart_stream.evaluation.breakdown import by_class, by_difficulty, reliability
from dart_stream.evaluation.evaluate import difficulty_auroc, measure_methods, take_apart
from dart_stream.evaluation.halvings import compare_on_halves
from dart_stream.evaluation.paired import paired_difference
from dart_stream.methods import METHODS, Outcome

BUDGETS = (0.9, 0.6)


@pytest.fixture(scope="module")
def validation():
    return synthetic_table(count=600, exits=4, seed=1)


@pytest.fixture(scope="module")
def test_table():
    return synthetic_table(count=900, exits=4, seed=2)


@pytest.fixture(scope="module")
def rows(validation, test_table):
    measured = measure_methods(validation, test_table, validation.macs, list(METHODS), BUDGETS)
    return [each.row for each in measured]


def test_a_paired_difference_takes_out_what_both_share():
    generator = np.random.default_rng(0)
    easy = generator.random(4000)
    ours, theirs = easy + 0.01 + generator.normal(0, 0.05, (2, 4000))
    difference = paired_difference(ours, theirs - 0.01)
    low, high = difference.ci95
    assert low < 0.01 < high
    assert high - low < 0.006  # unpaired it would be six times as wide
    assert difference.mean == pytest.approx((ours - theirs + 0.01).mean())
    with pytest.raises(ValueError, match="expected pictures"):
        paired_difference([1.0], [0.0])


def test_few_pictures_that_all_say_the_same_leave_room_for_others():
    low, high = paired_difference(np.ones(50), np.ones(50)).ci95
    assert low == pytest.approx(-high)
    assert 0.02 < high < 0.06
    low, high = paired_difference(np.ones(5), np.zeros(5)).ci95
    assert 0 < low < 0.7


def test_an_interval_covers_as_often_as_it_says():
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        ours, theirs = generator.random((2, 200)) < np.array([[0.8], [0.7]])
        low, high = paired_difference(ours, theirs).ci95
        hits += low <= 0.1 <= high
    assert 0.92 <= hits / 400 <= 0.98


def test_every_method_has_rows_that_hang_together(rows, test_table):
    assert {row.name for row in rows} == set(METHODS)
    full = test_table.correct[:, -1].mean()
    for row in rows:
        assert sum(row.exits) == pytest.approx(1)
        assert row.compute_savings_ratio == pytest.approx(1 - row.macs_fraction)
        assert row.exit_gap == pytest.approx(full - row.accuracy)
        assert row.exit_gap_ci95[0] <= row.exit_gap <= row.exit_gap_ci95[1]
        assert row.accuracy_ci95[0] <= row.accuracy <= row.accuracy_ci95[1]
        assert abs(row.exit_gap) <= row.disagreement + 1e-9
        assert (row.time_ms, row.energy_j, row.daes) == (None, None, None)
    static = next(row for row in rows if row.name == "static")
    assert (static.macs_fraction, static.exit_gap, static.disagreement) == (1.0, 0.0, 0.0)


def test_an_unknown_method_is_refused(validation, test_table):
    with pytest.raises(DataError, match="expected one of static"):
        measure_methods(validation, test_table, validation.macs, ["magic"])


def outcome(table, exits):
    return Outcome.at_exits(table, np.asarray(exits), table.macs)


def test_breakdowns_count_every_picture_once(test_table):
    exits = np.arange(len(test_table)) % 4
    bins = by_difficulty(outcome(test_table, exits), test_table)
    assert sum(each.n for each in bins) == len(test_table)
    middle = (test_table.difficulty >= 0.3) & (test_table.difficulty < 0.7)
    assert bins[1].n == middle.sum()
    right = test_table.correct[np.arange(len(test_table)), exits]
    assert bins[1].accuracy == pytest.approx(right[middle].mean())
    assert sum(bins[2].exits) == pytest.approx(1)
    classes = by_class(outcome(test_table, exits), test_table)
    assert sum(row.n for row in classes) == len(test_table)
    weighted = sum(row.n * row.accuracy for row in classes) / len(test_table)
    assert weighted == pytest.approx(right.mean())


def test_a_bin_without_pictures_has_no_figures():
    table = synthetic_table(count=50, difficulty=np.full(50, 0.5, np.float32))
    easy, medium, hard = by_difficulty(outcome(table, np.zeros(50, np.int64)), table)
    assert (easy.n, easy.exits, easy.accuracy) == (0, None, None)
    assert (medium.n, hard.n) == (50, 0)


def test_reliability_bins_hold_what_they_say():
    confidence = np.array([0.05, 0.97, 0.98, 0.5])
    made = reliability("exit", confidence, [False, True, False, True])
    assert [each.n for each in made.bins] == [1, 1, 2]
    assert made.bins[2].confidence == pytest.approx(0.975)
    assert made.bins[2].accuracy == 0.5
    assert made.ece == pytest.approx((0.05 + 0.5 + 2 * 0.475) / 4)


def test_taken_apart_is_one_setting_and_every_exit(validation, test_table):
    fitted = measure_methods(validation, test_table, validation.macs, ["dart"], BUDGETS)[1].fitted
    made = take_apart(fitted, test_table)
    names = ["early exit", "exit 0", "exit 1", "exit 2", "exit 3"]
    assert [each.name for each in made.reliability] == names
    assert made.setting == fitted.setting


def test_difficulty_that_says_nothing_has_an_auroc_of_a_half(test_table):
    assert all(0.4 < value < 0.6 for value in difficulty_auroc(test_table))
    right = synthetic_table(count=50, labelled=True)
    always = synthetic_table(count=50, labels=right.answers[:, -1])
    assert difficulty_auroc(always)[-1] is None


def test_halvings_compare_on_the_same_pictures(validation, test_table):
    told = []
    made = compare_on_halves(validation, test_table, BUDGETS, (0, 1), told.append)
    assert told == made.seeds == [0, 1]
    assert {(row.seed, row.budget) for row in made.rows} == {
        (s, b) for s in (0, 1) for b in BUDGETS
    }
    names = {rival.name for rival in made.rivals}
    assert (
        {"shared", "branchynet", "dart-paper", "dynamic", "random"}
        == names
        == set(made.over_budgets)
    )
    for rival in made.rivals:
        assert rival.halvings == 2
        assert rival.difference.ci95[0] <= rival.difference.mean <= rival.difference.ci95[1]
    random = made.over_budgets["random"]
    assert random.ci95[0] > 0
    again = compare_on_halves(validation, test_table, BUDGETS, (0, 1))
    assert again == made
