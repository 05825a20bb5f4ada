"""The coin of an audit."""

import numpy as np

from pipeline.stages.hub.coin import coin


def test_it_is_the_same_on_every_machine_and_day():
    assert coin(0, "front", 12, 3) == 0.6863440264836282


def test_it_is_fair_and_below_one():
    coins = np.array([coin(1, "front", frame, 0) for frame in range(20_000)])
    assert 0 <= coins.min() < coins.max() < 1
    assert abs((coins < 0.03).mean() - 0.03) < 0.004
    assert abs(np.corrcoef(coins[:-1], coins[1:])[0, 1]) < 0.03


def test_everything_in_a_region_s_name_counts():
    usual = coin(0, "front", 1, 1)
    others = [coin(1, "front", 1, 1), coin(0, "back", 1, 1), coin(0, "front", 2, 1)]
    others += [coin(0, "front", 1, 2), coin(0, "front", 11, 0), coin(0, "front1", 1, 1)]
    assert len({usual, *others}) == 7
