"""The grid search for the thresholds of a freshly trained model."""

import itertools

import numpy as np
import pytest

from dart_stream.costs import Costs
from dart_stream.macs import Macs
from dart_stream.policies import DartPolicy, policy_from_dict
from dart_stream.starting_policy import choose_thresholds, starting_policy

MACS = Macs(stages=[10, 30, 60], heads=[1, 1, 1])


def probabilities(exits=3, count=300, seed=0):
    """Deeper exits are surer and agree more with the last."""
    generator = np.random.default_rng(seed)
    signal = generator.normal(0, 2, (count, 4))
    noise = generator.normal(0, 1, (exits, count, 4))
    logits = signal + noise * np.linspace(2, 0.2, exits)[:, None, None]
    powers = np.exp(logits - logits.max(2, keepdims=True))
    return powers / powers.sum(2, keepdims=True)


class Outcome:
    """What thresholds do, picture by picture."""

    def __init__(self, table, thresholds):
        limits = [np.inf if value is None else value for value in thresholds]
        leaves = [
            next((k for k, limit in enumerate(limits) if row[k].max() >= limit), len(limits))
            for row in table.transpose(1, 0, 2)
        ]
        given = [table[k, row].argmax() for row, k in enumerate(leaves)]
        self.exits = [leaves.count(k) / len(leaves) for k in range(len(table))]
        self.disagreement = float(np.mean(given != table[-1].argmax(1)))
        costs = Costs(stages=MACS.stages, heads=MACS.heads)
        spent = costs.up_to_exit([value is not None for value in thresholds])
        self.macs_fraction = float(spent[leaves].mean()) / costs.plain()


def outcome(table, thresholds):
    return Outcome(table, thresholds)


def test_disagreement_stays_within_what_was_allowed():
    table = probabilities()
    for allowed in (0.0, 0.02, 0.1):
        assert outcome(table, choose_thresholds(table, MACS, allowed)).disagreement <= allowed


def test_more_disagreement_buys_fewer_macs():
    table = probabilities()
    costs = [
        outcome(table, choose_thresholds(table, MACS, allowed)).macs_fraction
        for allowed in (0.0, 0.02, 0.1, 1.0)
    ]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(11 / 101)


def test_nothing_on_the_grid_is_cheaper():
    table = probabilities(count=40)
    chosen = outcome(table, choose_thresholds(table, MACS, 0.05))
    grid = np.quantile(table.max(2)[:-1], np.linspace(0, 1, 64), axis=1)
    for thresholds in itertools.product(grid[::4, 0], grid[::4, 1]):
        other = outcome(table, list(thresholds))
        assert other.disagreement > 0.05 or other.macs_fraction >= chosen.macs_fraction - 1e-12


def test_the_head_of_a_disabled_exit_costs_nothing():
    """The first exit lets one in fifty go, and its head costs as much as three stages."""
    table = probabilities(exits=3, count=300)
    answers = table[-1].argmax(1)
    table[:2] = 0.25 + 0.01 * np.eye(4)[answers]
    table[0, :6], table[1, :200] = np.eye(4)[answers[:6]], np.eye(4)[answers[:200]]
    dear = Macs(stages=[10, 10, 80], heads=[30, 1, 1])
    first, second = choose_thresholds(table[:, :, :] * 0.99, dear, 1.0 / 300)
    assert first is None
    assert second is not None


def test_many_exits_take_no_longer_than_few():
    """All combinations of two levels and none would be 43 million."""
    table = probabilities(count=200, exits=17)
    macs = Macs([10] * 17, [1] * 17)
    for allowed in (0.02, 0.2):
        thresholds = choose_thresholds(table, macs, allowed)
        limits = [2 if tau is None else tau for tau in thresholds]
        fires = table[:-1].max(2) >= np.array(limits)[:, None]
        leaves = np.where(fires.any(0), fires.argmax(0), 16)
        answers = table.argmax(2)
        assert (answers[leaves, np.arange(200)] != answers[-1]).mean() <= allowed
    assert any(tau is not None for tau in thresholds)


def test_single_exit_needs_no_threshold():
    table = probabilities(exits=1)
    assert choose_thresholds(table, Macs([10], [1]), 0.02) == []


def test_body_is_one_that_policies_read():
    table = probabilities()
    rough = DartPolicy(thresholds=tuple(choose_thresholds(table, MACS, 0.02)))
    body = starting_policy(rough, {"split": "validation"})
    policy = policy_from_dict(body["chosen"], num_exits=3, num_classes=4)
    assert policy.to_dict() == body["chosen"]
    assert body["certificate"] is None


def test_where_no_early_answer_may_differ_all_early_exits_are_disabled():
    sure = np.array([[[1.0, 0.0]] * 8, [[1.0, 0.0]] * 8, [[0.0, 1.0]] * 8])
    thresholds = choose_thresholds(sure, MACS, 0.0)
    assert thresholds == [None, None]
    assert outcome(sure, thresholds).exits == [0, 0, 1]


def test_a_confidence_of_one_gives_a_threshold_that_every_policy_takes():
    sure = np.array([[[1.0, 0.0]] * 8] * 3)
    thresholds = choose_thresholds(sure, MACS, 0.0)
    body = {"kind": "dart", "thresholds": thresholds, "beta": 0.0}
    policy_from_dict(body, num_exits=3, num_classes=2)
    assert outcome(sure, thresholds).exits == [1, 0, 0]
