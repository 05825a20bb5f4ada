"""Which faults a drill draws: from a seed alone, and each of them often."""

from collections import Counter

import pytest

from pipeline.chaos.schedule import Target, draw
from pipeline.chaos.stages import Stage

WORKERS = [Target(Stage("worker", name), (0.0, 0.0)) for name in "01"]
SINK = Target(Stage("sink", "jsonl-0"), (0.0, 0.0))
TARGETS = {
    "kill": [*WORKERS, SINK],
    "stop": [Target(Stage("worker", "0"), (5.0, 7.0))],
    "clock": [Target(None, (2.0, 6.0))],
}
PAIRS = {("kill", "worker"), ("kill", "sink"), ("stop", "worker"), ("clock", "run")}


def pair(strike):
    return strike.kind, "run" if strike.stage is None else strike.stage.role


def test_a_seed_gives_the_same_faults_again_and_another_seed_others():
    assert draw(3, 50, TARGETS) == draw(3, 50, TARGETS)
    assert draw(3, 50, TARGETS) != draw(4, 50, TARGETS)


def test_more_faults_begin_with_the_same_ones():
    assert draw(3, 50, TARGETS)[:20] == draw(3, 20, TARGETS)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_and_role_comes_once_before_any_comes_again(seed):
    pairs = [pair(strike) for strike in draw(seed, 12, TARGETS)]
    for begin in (0, 4, 8):
        assert set(pairs[begin : begin + 4]) == PAIRS


def test_each_stage_of_a_role_is_struck():
    struck = Counter(strike.stage for strike in draw(0, 200, TARGETS) if strike.kind == "kill")
    assert set(struck) == {target.stage for target in TARGETS["kill"]}


def test_a_fault_lasts_as_long_as_its_target_allows():
    for strike in draw(1, 200, TARGETS):
        (target,) = [each for each in TARGETS[strike.kind] if each.stage == strike.stage]
        assert target.seconds[0] <= strike.seconds <= target.seconds[1]
        assert strike.pause_s >= 0


def test_they_are_numbered_through():
    assert [strike.number for strike in draw(1, 9, TARGETS)] == list(range(9))


def test_one_in_five_is_followed_at_once():
    share = sum(strike.in_haste for strike in draw(1, 2_000, TARGETS)) / 2_000
    assert 0.17 < share < 0.23


def test_no_fault_at_all_is_no_error():
    assert draw(1, 0, TARGETS) == []
