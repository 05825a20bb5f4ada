"""Classes that always run to full depth."""

import numpy as np
import pytest

from dart_stream.errors import PolicyError
from dart_stream.policies import (
    AlwaysFullPolicy,
    DartPaperPolicy,
    FixedPolicy,
    FullDepthPolicy,
    WatchingFirst,
    replay,
    with_always_full,
)

INNER = FixedPolicy(thresholds=(0.8, 0.6))


@pytest.fixture(scope="module")
def probabilities():
    return np.random.default_rng(1).dirichlet([0.2] * 4, (500, 3)).astype(np.float32)


def exits_of(policy, probabilities):
    return replay(policy, probabilities, np.full(len(probabilities), 0.5, np.float32))


def test_each_region_has_the_inner_exit_or_the_last(probabilities):
    guarded = exits_of(AlwaysFullPolicy(inner=INNER, classes=(2,)), probabilities)
    inner = exits_of(INNER, probabilities)
    assert set(guarded[guarded != inner]) == {2}
    assert (guarded != inner).any()
    answers = probabilities.argmax(2)
    named = np.array([(answers[n, : k + 1] == 2).any() for n, k in enumerate(inner)])
    np.testing.assert_array_equal(guarded != inner, named & (inner < 2))


def test_an_exit_that_is_off_has_no_say_though_it_is_watched(probabilities):
    policy = AlwaysFullPolicy(inner=FixedPolicy(thresholds=(None, 0.6)), classes=(2,))
    np.testing.assert_array_equal(
        exits_of(WatchingFirst(inner=policy), probabilities), exits_of(policy, probabilities)
    )


def test_nothing_to_guard_leaves_the_policy_as_it_is():
    assert with_always_full(INNER, ()) is INNER
    full = FullDepthPolicy()
    assert with_always_full(full, (1,)) is full
    assert with_always_full(INNER.with_version(7), (1,)).version == 7


def test_it_reads_the_difficulty_of_the_inner_policy():
    paper = DartPaperPolicy(thresholds=(0.5, 0.5), beta=0.3)
    assert AlwaysFullPolicy(inner=paper, classes=(1,)).difficulty_mode == "paper"
    assert AlwaysFullPolicy(inner=INNER, classes=(1,)).difficulty_mode == "dart"


@pytest.mark.parametrize("classes", [(), (2, 1), (1, 1), (-1,), (True,)])
def test_classes_that_are_none_are_refused(classes):
    with pytest.raises(PolicyError, match="expected rising class numbers"):
        AlwaysFullPolicy(inner=INNER, classes=classes)


def test_a_class_that_the_model_lacks_is_refused():
    with pytest.raises(PolicyError, match="expected 0 to 3, got 4"):
        AlwaysFullPolicy(inner=INNER, classes=(1, 4)).require_fit(3, 4)


@pytest.mark.parametrize("inner", [None, {"kind": "no"}, {"kind": "always-full"}])
def test_a_body_without_a_policy_is_refused(inner):
    with pytest.raises(PolicyError, match="expected another's body"):
        AlwaysFullPolicy.from_dict({"kind": "always-full", "classes": [1], "policy": inner})
