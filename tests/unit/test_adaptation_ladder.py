"""Rungs from safe to aggressive."""

import numpy as np
import pytest

from dart_stream.adaptation.ladder import build_ladder
from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable

COSTS = Costs(stages=[10, 90], heads=[1, 1])


def table(count=400, *, surest_is_wrong=False, knows_nothing=False):
    """One early exit that is more or less sure, and right; but for what is asked."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, count)
    right, wrong = np.eye(3)[labels], np.eye(3)[(labels + 1) % 3]
    logits = np.zeros((count, 2, 3), np.float32)
    logits[:, 0] = (wrong if knows_nothing else right) * generator.uniform(1, 4, count)[:, None]
    logits[:, 1] = 6 * right
    if surest_is_wrong:
        logits[0, 0] = 9 * wrong[0]
    return ExitTable(
        logits=logits,
        temperatures=(1.0, 1.0),
        labels=labels,
        difficulty=generator.random(count).astype(np.float32),
        macs=COSTS,
        classes=("a", "b", "c"),
        source="test",
    )


@pytest.mark.parametrize("surest_is_wrong", [False, True])
def test_every_rung_leaves_early_and_is_cheaper_than_full_depth(surest_is_wrong):
    ladder = build_ladder(table(surest_is_wrong=surest_is_wrong), COSTS, 0.02, 32)
    assert len(ladder) >= 5
    assert ladder.enabled.any(axis=0).all()
    assert ladder.cost_share.max() < 1
    assert (np.diff(ladder.cost_share) <= 0).all()


def test_an_exit_that_is_never_right_leaves_full_depth_as_the_only_rung():
    ladder = build_ladder(table(knows_nothing=True), COSTS, 1e-6, 32)
    assert [policy.thresholds for policy in ladder.policies] == [(None,)]
