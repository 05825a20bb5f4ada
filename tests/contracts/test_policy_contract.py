"""What every policy in the registry must hold. A new kind needs an example here, nothing else."""

import dataclasses
import json

import msgpack
import numpy as np
import pytest

from dart_stream.errors import PolicyError
from dart_stream.policies import POLICY_KINDS, ExitObservation, policy_from_dict, replay

NUM_EXITS, NUM_CLASSES, N = 3, 4, 400

EXAMPLES = {
    "full": {"kind": "full"},
    "fixed": {"kind": "fixed", "thresholds": [0.8, 0.6]},
    "entropy": {"kind": "entropy", "thresholds": [0.4, 0.7]},
    "patience": {"kind": "patience", "patience": 1},
    "dart": {
        "kind": "dart",
        "thresholds": [0.8, 0.6],
        "beta": 1.0,
        "coefficients": [[0.0, 0.0], [-1.0, 0.5], [3.0, 0.1], [0.2, 0.3]],
    },
    "dart-paper": {
        "kind": "dart-paper",
        "thresholds": [0.7, 0.5],
        "beta": 0.3,
        "exit_coefficients": [1.1, 0.9],
        "class_coefficients": [1.0, 0.9, 1.2, 1.0],
    },
    "always-full": {
        "kind": "always-full",
        "classes": [1, 3],
        "policy": {"kind": "dart", "thresholds": [0.8, 0.6], "beta": 1.0, "coefficients": []},
    },
}

FIT_DEEPER_MODELS = {"full", "patience"}  # they hold nothing that comes once per exit
EXITS_IN_USE = {"full": {2}, "patience": {1, 2}}  # of those that leave some exits out


def test_the_suite_covers_every_policy():
    assert set(EXAMPLES) == set(POLICY_KINDS)
    assert len(EXAMPLES) == 7


@pytest.fixture(params=sorted(POLICY_KINDS))
def policy(request):
    return policy_from_dict(EXAMPLES[request.param], num_exits=NUM_EXITS, num_classes=NUM_CLASSES)


@pytest.fixture
def probabilities():
    logits = np.random.default_rng(5).normal(0, 2.5, (N, NUM_EXITS, NUM_CLASSES))
    odds = np.exp(logits)
    return (odds / odds.sum(axis=2, keepdims=True)).astype(np.float32)


@pytest.fixture
def difficulty():
    return np.random.default_rng(6).uniform(0, 1, N).astype(np.float32)


def observe(probabilities, difficulty, exit_index):
    return ExitObservation(
        exit_index=exit_index,
        confidence=probabilities[:, exit_index].max(axis=1),
        label_id=probabilities[:, exit_index].argmax(axis=1),
        difficulty=difficulty,
        probabilities=probabilities[:, exit_index],
        label_history=probabilities[:, :exit_index].argmax(axis=2),
    )


def rows_of(seen, rows):
    arrays = {
        name: getattr(seen, name)[rows]
        for name in ("confidence", "label_id", "difficulty", "probabilities", "label_history")
    }
    return ExitObservation(exit_index=seen.exit_index, **arrays)


def test_a_policy_cannot_be_changed(policy):
    for field in dataclasses.fields(policy):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(policy, field.name, None)
        value = getattr(policy, field.name)
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable
        else:
            hash(value)


def test_a_new_number_makes_a_new_policy_and_leaves_the_old_one(policy):
    renumbered = policy.with_version(12)
    assert (policy.version, renumbered.version) == (0, 12)
    assert renumbered.to_dict() == policy.to_dict()


@pytest.mark.parametrize("wire", [msgpack, json])
def test_a_policy_survives_the_wire(policy, wire, probabilities, difficulty):
    encode, decode = (
        (msgpack.packb, msgpack.unpackb) if wire is msgpack else (json.dumps, json.loads)
    )
    body = decode(encode(policy.to_dict()))
    read = policy_from_dict(body, num_exits=NUM_EXITS, num_classes=NUM_CLASSES)
    assert read == policy
    np.testing.assert_array_equal(
        replay(read, probabilities, difficulty), replay(policy, probabilities, difficulty)
    )


def test_an_unknown_key_is_refused(policy):
    body = policy.to_dict() | {"tresholds": [0.5, 0.5]}
    with pytest.raises(PolicyError, match="unknown \\['tresholds'\\]"):
        policy_from_dict(body, num_exits=NUM_EXITS, num_classes=NUM_CLASSES)


@pytest.mark.parametrize("exit_index", range(NUM_EXITS - 1))
def test_the_same_observation_gets_the_same_answer(policy, probabilities, difficulty, exit_index):
    seen = observe(probabilities, difficulty, exit_index)
    first = policy.fires(seen)
    policy.fires(observe(probabilities[::-1], difficulty, 0))
    np.testing.assert_array_equal(policy.fires(seen), first)
    assert first.dtype == np.bool_
    assert first.shape == (N,)


@pytest.mark.parametrize("exit_index", range(NUM_EXITS - 1))
def test_an_answer_does_not_depend_on_the_batch(policy, probabilities, difficulty, exit_index):
    seen = observe(probabilities, difficulty, exit_index)
    one_by_one = [policy.fires(rows_of(seen, [row]))[0] for row in range(N)]
    np.testing.assert_array_equal(policy.fires(seen), one_by_one)
    assert policy.fires(rows_of(seen, [])).shape == (0,)


@pytest.mark.parametrize("exit_index", range(NUM_EXITS - 1))
def test_a_policy_never_changes_what_it_is_shown(policy, probabilities, difficulty, exit_index):
    seen = observe(probabilities, difficulty, exit_index)
    for name in ("confidence", "label_id", "difficulty", "probabilities", "label_history"):
        getattr(seen, name).setflags(write=False)
    policy.fires(seen)


def test_a_harder_input_never_leaves_earlier(policy, probabilities, difficulty):
    before = replay(policy, probabilities, difficulty)
    for harder in (np.minimum(difficulty + 0.1, 1), np.sqrt(difficulty), np.ones_like(difficulty)):
        assert np.all(replay(policy, probabilities, harder) >= before)


def without_second_exit(body):
    """The same policy with its second early exit switched off, where it has one to switch off."""
    if "thresholds" in body:
        return body | {"thresholds": [body["thresholds"][0], None]}
    return body | {"policy": without_second_exit(body["policy"])} if "policy" in body else body


@pytest.mark.parametrize("kind", sorted(POLICY_KINDS))
def test_an_exit_that_is_not_watched_never_fires(kind, probabilities, difficulty):
    body = without_second_exit(EXAMPLES[kind])
    policy = policy_from_dict(body, num_exits=NUM_EXITS, num_classes=NUM_CLASSES)
    watched = [policy.watches(exit_index) for exit_index in range(NUM_EXITS - 1)]
    assert watched[1] == (body == EXAMPLES[kind] and kind != "full")
    for exit_index in range(NUM_EXITS - 1):
        fired = policy.fires(observe(probabilities, difficulty, exit_index))
        assert watched[exit_index] or not fired.any()


def test_the_example_separates_regions(policy, probabilities, difficulty):
    exits = replay(policy, probabilities, difficulty)
    assert set(exits) == EXITS_IN_USE.get(policy.kind, set(range(NUM_EXITS)))


def test_a_model_it_was_not_made_for_is_refused(policy):
    if policy.kind in FIT_DEEPER_MODELS:
        policy.require_fit(NUM_EXITS + 1, NUM_CLASSES)
    else:
        with pytest.raises(PolicyError, match=r"expected 3 .*, got 2"):
            policy.require_fit(NUM_EXITS + 1, NUM_CLASSES)


def test_a_policy_says_which_difficulty_it_reads(policy):
    assert policy.difficulty_mode == ("paper" if policy.kind == "dart-paper" else "dart")


def test_a_policy_says_whether_it_reads_difficulty_at_all(policy, probabilities, difficulty):
    """Nobody estimates difficulty for a policy that says no."""
    exits = replay(policy, probabilities, difficulty)
    others = [replay(policy, probabilities, np.full(N, d, np.float32)) for d in (0.0, 1.0)]
    assert policy.reads_difficulty == any((exits != other).any() for other in others)
    assert policy.reads_difficulty == (policy.kind in {"dart", "dart-paper", "always-full"})


@pytest.mark.parametrize("kind", ["dart", "dart-paper"])
@pytest.mark.parametrize(
    ("changes", "reads"),
    [({}, True), ({"beta": 0.0}, False), ({"thresholds": [None, None]}, False)],
)
def test_without_beta_or_any_exit_nothing_reads_difficulty(kind, changes, reads):
    body = EXAMPLES[kind] | changes
    policy = policy_from_dict(body, num_exits=NUM_EXITS, num_classes=NUM_CLASSES)
    assert policy.reads_difficulty is reads
