"""The grid search for the thresholds of a freshly trained model."""

import itertools

import numpy as np
import pytest

from dart_stream.macs import Macs
from dart_stream.policies import policy_from_dict
from dart_stream.starting_policy import choose_thresholds, measure_policy, starting_policy

MACS = Macs(stages=[10, 30, 60], heads=[1, 1, 1])


def probabilities(exits=3, count=300, seed=0):
    """Deeper exits are surer and agree more with the last."""
    generator = np.random.default_rng(seed)
    signal = generator.normal(0, 2, (count, 4))
    noise = generator.normal(0, 1, (exits, count, 4))
    logits = signal + noise * np.linspace(2, 0.2, exits)[:, None, None]
    powers = np.exp(logits - logits.max(2, keepdims=True))
    return powers / powers.sum(2, keepdims=True)


def outcome(table, thresholds):
    labels = table[-1].argmax(1)
    return measure_policy(table, labels, MACS, thresholds)


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


def test_measured_by_hand():
    table = np.array(
        [
            [[0.9, 0.1], [0.6, 0.4], [0.55, 0.45]],
            [[0.8, 0.2], [0.3, 0.7], [0.45, 0.55]],
            [[0.7, 0.3], [0.2, 0.8], [0.1, 0.9]],
        ]
    )
    labels = np.array([0, 0, 1])
    found = measure_policy(table, labels, MACS, [0.6, 0.7])
    # Pictures 0 and 1 leave at exit 0 (0.6 is reached), picture 2 at the last.
    assert found.exits == pytest.approx([2 / 3, 0, 1 / 3], abs=1e-5)
    assert found.accuracy == 1
    assert found.disagreement == pytest.approx(1 / 3)
    assert found.macs_fraction == pytest.approx((11 + 11 + 103) / 3 / 101)


def test_single_exit_needs_no_threshold():
    table = probabilities(exits=1)
    assert choose_thresholds(table, Macs([10], [1]), 0.02) == []
    assert measure_policy(table, table[-1].argmax(1), Macs([10], [1]), []).exits == [1.0]


def test_body_is_one_that_policies_read():
    table = probabilities()
    body = starting_policy(choose_thresholds(table, MACS, 0.02), {"split": "validation"})
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
