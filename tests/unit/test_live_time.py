"""Source time of a camera, and how long it is left alone before it is asked again."""

import random

import pytest

from pipeline.readers import Backoff
from pipeline.readers.timeline import Timeline


def times(stamps, arrivals=None):
    timeline = Timeline()
    arrivals = [i / 25 for i in range(len(stamps))] if arrivals is None else arrivals
    found = [timeline.at(s, a) for s, a in zip(stamps, arrivals, strict=True)]
    assert found == sorted(found)
    return pytest.approx(found, abs=1e-6), timeline.jumps


def test_time_begins_at_zero_and_follows_the_streams_own_clock():
    # Arrivals come in a burst; the camera's clock knows better.
    assert times([7.0, 7.1, 7.2, 7.3], [50.0, 50.0, 50.0, 50.01]) == ([0, 0.1, 0.2, 0.3], 0)


def test_a_clock_that_is_set_back_for_an_hour_does_not_stop_time():
    stamps = [4000.0, 4000.04, 400.0, 400.04, 400.08]
    assert times(stamps) == ([0, 0.04, 0.08, 0.12, 0.16], 1)


def test_a_clock_that_leaps_ahead_does_not_take_time_with_it():
    assert times([0, 0.04, 86_400.0, 86_400.04]) == ([0, 0.04, 0.08, 0.12], 1)


def test_a_clock_that_always_runs_back_does_not_stop_time():
    timeline = Timeline()
    found = [timeline.at(-0.2 * i, i / 25) for i in range(100)]
    assert found == sorted(found)
    assert found[-1] == pytest.approx(99 / 25, abs=0.1)
    assert timeline.jumps == 33


def test_pictures_out_of_order_hold_time_for_a_moment():
    assert times([0, 0.12, 0.08, 0.16]) == ([0, 0.12, 0.12, 0.16], 0)


def test_a_pause_of_the_camera_is_no_jump():
    assert times([0, 60.0, 60.04], [0, 60.0, 60.04]) == ([0, 60.0, 60.04], 0)


def test_without_timestamps_arrivals_count():
    assert times([None, None, None], [9.0, 9.5, 10.5]) == ([0, 0.5, 1.5], 0)


def test_timestamps_that_begin_later_are_taken_up_where_time_stands():
    assert times([None, 500.0, 500.5], [9.0, 9.1, 9.6]) == ([0, 0.1, 0.6], 0)


class Nominal:
    """Jitter's upper end."""

    def uniform(self, low, high):
        assert (low, high) == (0.5, 1.0)
        return high


def test_waits_double_up_to_the_cap():
    backoff = Backoff(1.0, 6.0, Nominal())
    assert [backoff.next(0.0) for _ in range(5)] == [1, 2, 4, 6, 6]


def test_a_connection_that_held_makes_the_next_wait_short_again():
    backoff = Backoff(1.0, 60.0, Nominal())
    assert [backoff.next(held) for held in (0, 0, 0, 4.5, 0.1, 0.1)] == [1, 2, 4, 1, 2, 4]


def test_jitter_lies_between_half_and_all():
    waits = [Backoff(2.0, 8.0, random.Random(seed)).next(0.0) for seed in range(200)]
    assert 1.0 <= min(waits) < 1.1
    assert 1.9 < max(waits) <= 2.0
