"""Policies: each rule by hand, and what a wrong body is told."""

import math

import numpy as np
import pytest

from dart_stream.errors import PolicyError
from dart_stream.policies import (
    DartPaperPolicy,
    DartPolicy,
    EntropyPolicy,
    ExitObservation,
    FixedPolicy,
    FullDepthPolicy,
    policy_from_dict,
    replay,
)


def observe(confidence, difficulty=0.5, label_id=0, exit_index=0):
    """Regions of three classes with these confidences."""
    p = np.atleast_1d(np.asarray(confidence, dtype=np.float32))
    probabilities = np.repeat((1 - p)[:, np.newaxis] / 2, 3, axis=1)
    labels = np.full(len(p), label_id)
    probabilities[np.arange(len(p)), labels] = p
    return ExitObservation(
        exit_index=exit_index,
        confidence=p,
        label_id=labels,
        difficulty=np.full(len(p), difficulty, dtype=np.float32),
        probabilities=probabilities,
        label_history=np.zeros((len(p), exit_index), dtype=np.int64),
    )


def logit(p):
    return math.log(p / (1 - p))


def test_full_depth_never_stops_and_asks_for_no_head():
    policy = FullDepthPolicy()
    assert not policy.fires(observe([0.2, 1.0])).any()
    assert not policy.watches(0)


def test_fixed_stops_at_its_threshold_and_above():
    fires = FixedPolicy(thresholds=(0.75, None)).fires(observe([0.5, 0.75, 1.0]))
    np.testing.assert_array_equal(fires, [False, True, True])


def test_a_disabled_exit_never_stops_even_the_surest():
    policy = FixedPolicy(thresholds=(0.75, None))
    assert not policy.fires(observe([1.0], exit_index=1)).any()
    assert policy.watches(0)
    assert not policy.watches(1)


def test_entropy_stops_below_its_share_of_the_largest_entropy():
    policy = EntropyPolicy(thresholds=(0.5,))
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.05)) / math.log(3)
    assert entropy < 0.5
    fires = policy.fires(observe([0.34, 0.9, 1.0]))
    np.testing.assert_array_equal(fires, [False, True, True])


@pytest.mark.parametrize("label_id", [0, 1])
@pytest.mark.parametrize("difficulty", [0.0, 0.3, 1.0])
def test_dart_is_the_stated_inequality_on_logits(label_id, difficulty):
    g = ((0.5,), (-1.0,), (3.0,))
    policy = DartPolicy(thresholds=(0.7,), beta=1.5, coefficients=g)
    confidence = np.linspace(0.02, 0.999, 500, dtype=np.float32)
    wanted = [
        logit(float(p)) >= logit(0.7) + g[label_id][0] + 1.5 * (np.float32(difficulty) - 0.5)
        for p in confidence
    ]
    fires = policy.fires(observe(confidence, difficulty, label_id))
    np.testing.assert_array_equal(fires, wanted)
    assert 0 < fires.sum() < 500


def test_dart_without_shift_stops_exactly_at_its_threshold():
    threshold = float(np.float32(0.83))
    below, above = np.nextafter(np.float32(0.83), np.float32([0, 1]))
    fires = DartPolicy(thresholds=(threshold,)).fires(observe([below, threshold, above]))
    np.testing.assert_array_equal(fires, [False, True, True])


def test_dart_can_always_be_satisfied_and_always_be_missed():
    policy = DartPolicy(thresholds=(0.999,), beta=20.0, coefficients=((3.0,),) * 3)
    np.testing.assert_array_equal(policy.fires(observe([1.0, 0.0], difficulty=1)), [True, False])


def test_what_is_not_a_number_goes_on():
    policy = DartPolicy(thresholds=(0.01,), beta=1.0)
    assert not policy.fires(observe([np.nan])).any()
    assert not policy.fires(observe([0.99], difficulty=np.nan)).any()


def test_dart_paper_is_equation_19():
    policy = DartPaperPolicy(
        thresholds=(0.5,), beta=0.3, exit_coefficients=(1.2,), class_coefficients=(1, 0.5, 1)
    )
    effective = 1.2 * 0.5 * 0.5 + 0.3 * 0.5
    fires = policy.fires(observe([effective - 1e-3, effective + 1e-3], 0.5, label_id=1))
    np.testing.assert_array_equal(fires, [False, True])


def test_dart_paper_is_dead_at_the_clamp_as_printed():
    policy = DartPaperPolicy(thresholds=(0.8,), beta=0.3)
    assert not policy.fires(observe([1.0], difficulty=0.85)).any()
    assert policy.fires(observe([1.0], difficulty=0.5)).all()


def test_replay_stops_at_the_first_exit_that_fires():
    first, second, last = [0.9, 0.1], [0.2, 0.8], [0.4, 0.6]
    probabilities = np.array(
        [[first, second, last], [last, second, first], [last, last, last]], dtype=np.float32
    )
    exits = replay(FixedPolicy(thresholds=(0.8, 0.7)), probabilities, np.zeros(3, np.float32))
    np.testing.assert_array_equal(exits, [0, 1, 2])


def test_a_number_is_not_part_of_the_body():
    policy = FixedPolicy(thresholds=(0.5,)).with_version(7)
    assert policy.version == 7
    assert policy.to_dict() == {"kind": "fixed", "thresholds": [0.5]}
    with pytest.raises(PolicyError, match="expected 0 or more, got -1"):
        policy.with_version(-1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "expected kind full | fixed"),
        ({"kind": "oracle"}, "got 'oracle'"),
        ({"kind": ["fixed"]}, "got \\['fixed'\\]"),
        ([], "got None"),
        ({"kind": "full", "thresholds": []}, "unknown \\['thresholds'\\]"),
        ({"kind": "fixed"}, "missing \\['thresholds'\\]"),
        ({"kind": "fixed", "thresholds": 0.5}, "expected a list, got 0.5"),
        ({"kind": "fixed", "thresholds": [0.5]}, "thresholds: expected 2 .*, got 1"),
        ({"kind": "fixed", "thresholds": [0.5, 1.5]}, r"thresholds\[1\]: .*got 1.5"),
        ({"kind": "fixed", "thresholds": [float("nan"), 0.5]}, r"thresholds\[0\]: .*got nan"),
        ({"kind": "fixed", "thresholds": [True, 0.5]}, r"thresholds\[0\]: .*got True"),
        ({"kind": "fixed", "thresholds": ["0.5", 0.5]}, r"thresholds\[0\]: .*got '0.5'"),
        ({"kind": "entropy", "thresholds": [0.5, 0.5, 0.5]}, "expected 2 .*, got 3"),
        ({"kind": "dart", "thresholds": [0.5, 1.0]}, r"in \(0, 1\) or null, got 1.0"),
        ({"kind": "dart", "thresholds": [0.5, 0]}, r"in \(0, 1\) or null, got 0"),
        ({"kind": "dart", "thresholds": [0.5, None], "beta": -0.1}, "beta: .*got -0.1"),
        ({"kind": "dart", "thresholds": [0.5, None], "beta": None}, "beta: .*got None"),
        ({"kind": "dart", "thresholds": [0.5, None], "beta": float("inf")}, "beta: .*got inf"),
        (
            {"kind": "dart", "thresholds": [0.5, None], "coefficients": [[0, 0]] * 2},
            "coefficients: expected 3 .*one row per class.*, got 2",
        ),
        (
            {"kind": "dart", "thresholds": [0.5, None], "coefficients": [[0, 0], [0], [0, 0]]},
            r"coefficients\[1\]: expected 2 .*, got 1",
        ),
        (
            {"kind": "dart", "thresholds": [0.5, None], "coefficients": [[0, 3.1], [0, 0], [0, 0]]},
            r"coefficients\[0\]: expected a number in \[-1, 3\], got 3.1",
        ),
        (
            {"kind": "dart", "thresholds": [0.5, None], "coefficients": [1, 2, 3]},
            "coefficients: expected a list, got 1",
        ),
        (
            {"kind": "dart-paper", "thresholds": [0.5, 1], "class_coefficients": [1, 1]},
            "class_coefficients: expected 3 .*, got 2",
        ),
        (
            {"kind": "dart-paper", "thresholds": [0.5, 1], "exit_coefficients": [1, -1]},
            "exit_coefficients: .*got -1",
        ),
    ],
)
def test_a_wrong_body_is_refused_in_one_line(body, message):
    with pytest.raises(PolicyError, match=message) as refusal:
        policy_from_dict(body, num_exits=3, num_classes=3)
    assert "\n" not in str(refusal.value)


def test_what_may_be_left_out_is_left_out():
    policy = policy_from_dict(
        {"kind": "dart", "thresholds": [0.9]}, num_exits=2, num_classes=10, version=3
    )
    assert policy == DartPolicy(thresholds=(0.9,), beta=0, coefficients=(), version=3)


def test_a_number_beyond_all_numbers_is_none():
    body = {"kind": "dart", "thresholds": [10**400]}
    with pytest.raises(PolicyError, match="thresholds"):
        policy_from_dict(body, num_exits=2, num_classes=3)
