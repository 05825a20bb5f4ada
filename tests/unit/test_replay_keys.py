"""Keys of a replay."""

import math

import pytest
from sample_snapshot import sample_snapshot

from pipeline.cli.replay_keys import FASTEST, SLOWEST, LeftReplay, ReplayKeys
from pipeline.ui.player import Player


@pytest.fixture
def player():
    player = Player(iter([sample_snapshot(time_s=float(second)) for second in range(20)]))
    player.take(100.0)  # begins
    return player


@pytest.fixture
def keys(player):
    return ReplayKeys(player, None)


def test_p_pauses_and_goes_on_where_it_was(keys, player):
    assert player.due_in_s(100.4) == pytest.approx(0.6)
    keys.press("p", 100.4)
    assert math.isinf(player.due_in_s(130.0))
    keys.press("p", 130.4)
    assert player.due_in_s(130.4) == pytest.approx(0.6)


def test_another_pace_goes_on_from_the_same_moment(keys, player):
    keys.press("+", 100.4)
    assert player.speed == 2
    assert player.due_in_s(100.4) == pytest.approx(0.3)
    keys.press("-", 100.4)
    keys.press("-", 100.4)
    assert player.speed == 0.5
    assert player.due_in_s(100.4) == pytest.approx(1.2)


def test_pace_has_ends(keys, player):
    for key, end in (("+", FASTEST), ("-", SLOWEST)):
        for _ in range(40):
            keys.press(key, 100.0)
        assert player.speed == end


@pytest.mark.parametrize(("key", "speed"), [("+", 5_000.0), ("-", 0.001)])
def test_a_pace_that_was_asked_for_beyond_the_ends_is_kept(player, key, speed):
    player.set_speed(speed, 0.0)
    ReplayKeys(player, None).press(key, 0.0)
    assert player.speed == speed


def test_q_leaves_and_other_keys_do_nothing(keys, player):
    keys.press("x", 100.4)
    assert player.due_in_s(100.4) == pytest.approx(0.6)
    with pytest.raises(LeftReplay):
        keys.press("q", 100.4)
