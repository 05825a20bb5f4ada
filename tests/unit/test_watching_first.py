"""Exit 0 is asked though its policy has switched it off, and decides nothing there."""

import numpy as np
import pytest

from dart_stream.errors import PolicyError
from dart_stream.policies import DartPolicy, FullDepthPolicy, WatchingFirst, replay

OFF = DartPolicy(thresholds=(None, 0.6))


def test_exit_0_is_watched_and_nobody_leaves_there():
    policy = WatchingFirst(inner=OFF, version=4)
    assert [policy.watches(k) for k in range(2)] == [True, True]
    assert [WatchingFirst(inner=FullDepthPolicy()).watches(k) for k in range(2)] == [True, False]
    probabilities = np.random.default_rng(0).dirichlet([0.3] * 4, (100, 3)).astype(np.float32)
    difficulty = np.full(100, 0.5, np.float32)
    exits = replay(policy, probabilities, difficulty)
    np.testing.assert_array_equal(exits, replay(OFF, probabilities, difficulty))
    assert set(exits.tolist()) == {1, 2}


def test_it_speaks_for_the_policy_inside():
    policy = WatchingFirst(inner=OFF, version=4)
    assert policy.to_dict() == OFF.to_dict()
    assert policy.version == 4
    assert not policy.reads_difficulty
    policy.require_fit(3, 4)
    with pytest.raises(PolicyError, match="thresholds"):
        policy.require_fit(2, 4)


def test_it_has_no_body_of_its_own():
    with pytest.raises(PolicyError, match="expected no body to read"):
        WatchingFirst.from_dict({"kind": "watching-first"})
