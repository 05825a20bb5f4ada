"""Dynamic programming over binned states, beside the exact search."""

import numpy as np
import pytest

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.thresholds import find_frontier
from dart_stream.thresholds.dynamic import Answers, Bins, solve_stopping

CLASSES = 4


def table(exits=3, count=2000, seed=0):
    """Deeper exits are surer and right more often; hard pictures are told late."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, count)
    difficulty = generator.random(count).astype(np.float32)
    noise = generator.normal(0, 1, (count, exits, CLASSES)).cumsum(1)[:, ::-1]
    spread = 0.5 + difficulty[:, None, None]
    logits = 2.5 * np.eye(CLASSES)[labels][:, None] + noise * spread
    return ExitTable(
        logits=logits.astype(np.float32),
        temperatures=(1.0,) * exits,
        labels=labels,
        difficulty=difficulty,
        macs=Costs(stages=[10.0] * exits, heads=[0.5] * exits),
        classes=tuple("abcd"),
        source="test",
    )


def outcome(made, rule):
    """Mean cost and accuracy on raw pictures."""
    exits, rows = rule.exits(made), np.arange(len(made))
    answers = Answers.of(made, recall=rule.recall).answers[rows, exits]
    return made.macs.up_to_exit(rule.watched)[exits].mean(), (answers == made.labels).mean()


def solve(made, price, **more):
    return solve_stopping(made, made.correct, made.macs, price, **more)


def test_a_price_moves_pictures_to_earlier_exits():
    made = table()
    costs = [outcome(made, solve(made, price))[0] for price in (0.0, 0.1, 0.4, 5.0)]
    assert costs == sorted(costs, reverse=True)
    assert (solve(made, 5.0).exits(made) == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_one_difficulty_bin_never_beats_the_exact_search_and_comes_close(seed):
    made = table(seed=seed)
    frontier = find_frontier(made, made.macs)
    for price in (0.1, 0.2, 0.4):
        cost, accuracy = outcome(made, solve(made, price, bins=Bins(difficulty=1)))
        exact = max(p.accuracy for p in frontier if p.cost <= cost + 1e-9)
        # The grid of the search has 256 cuts an exit; another vector may lie between two.
        assert accuracy - 0.005 <= exact <= accuracy + 0.03


def test_harder_pictures_never_leave_on_less():
    rule = solve(table(), 0.2, bins=Bins(difficulty=5))
    assert (np.diff(rule.thresholds, axis=1) >= 0).all()


@pytest.mark.parametrize("price", [0.1, 0.3, 0.6])
def test_with_ten_exits_it_beats_sending_everything_to_one(price):
    made = table(exits=10, count=1500)
    cost, accuracy = outcome(made, solve(made, price))
    earned = accuracy - price * cost / made.macs.plain()
    for only in range(10):
        alone = made.macs.up_to_exit([k == only for k in range(9)])[only] / made.macs.plain()
        assert earned >= made.correct[:, only].mean() - price * alone - 0.01


def test_recall_answers_with_the_surest_exit_so_far():
    made = table(seed=4)
    surest = Answers.of(made, recall=True)
    for row in range(50):
        for k in range(3):
            best = made.confidence[row, : k + 1].argmax()
            assert surest.taken_from[row, k] == best
            assert surest.answers[row, k] == made.answers[row, best]
    rule = solve(made, 0.2, recall=True)
    assert rule.recall
    cost, accuracy = outcome(made, rule)
    assert accuracy > made.correct[:, 0].mean()
    assert cost < made.macs.plain()
