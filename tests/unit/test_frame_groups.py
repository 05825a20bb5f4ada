"""Frames of a file travel in groups; nobody waits long for a group to fill."""

from dataclasses import dataclass

import pytest

from pipeline.messages import Counters
from pipeline.stages.reader import FrameBuffer


@dataclass
class Picture:
    index: int
    captured_mono_ns: int = 0
    skipped: int = 0
    corrupt: int = 0


def test_the_sender_is_woken_once_a_group():
    wakes = []
    buffer = FrameBuffer("drop_oldest", group=3, wake=lambda: wakes.append(1))
    for index in range(3):
        assert not wakes
        buffer.put(Picture(index))
    assert len(wakes) == 1


@pytest.mark.parametrize(("room", "taken"), [(2, [2, 2, 2, 1]), (8, [3, 3, 1])])
def test_as_many_are_taken_as_the_hub_has_room_for_and_at_most_a_group(room, taken):
    buffer = FrameBuffer("block", group=3)
    for index in range(7):
        buffer.put(Picture(index))
    groups = []
    while (some := buffer.take(0, room)) is not None:
        groups.append([frame.index for frame in some.frames])
        assert some.counters.captured == sum(map(len, groups))
    assert [len(group) for group in groups] == taken
    assert [index for group in groups for index in group] == list(range(7))


def test_the_account_of_a_group_includes_the_stale_frames_passed_over():
    buffer = FrameBuffer("drop_oldest", group=4, max_age_s=1.0)
    for index, captured_s in enumerate((0, 5, 0, 5)):
        buffer.put(Picture(index, captured_mono_ns=captured_s * 1_000_000_000))
    some = buffer.take(5_500_000_000, 8)
    assert [frame.index for frame in some.frames] == [1, 3]
    assert some.counters == Counters(4, {"max_age": 2})


def test_a_group_is_ripe_when_it_is_full_or_fills_the_hubs_room():
    buffer = FrameBuffer("block", group=4)
    ripe = []
    for index in range(4):
        buffer.put(Picture(index))
        ripe.append([buffer.is_ripe(0, room) for room in (0, 1, 2, 8)])
    assert ripe == [
        [False, True, False, False],
        [False, True, True, False],
        [False, True, True, False],
        [False, True, True, True],
    ]


def test_a_frame_that_has_waited_travels_alone():
    buffer = FrameBuffer("block", group=4)
    buffer.put(Picture(0, captured_mono_ns=1_000_000_000))
    assert not buffer.is_ripe(1_100_000_000, 8)
    assert buffer.is_ripe(1_200_000_000, 8)


def test_the_last_frames_need_not_be_a_group():
    buffer = FrameBuffer("block", group=4)
    assert not buffer.is_ripe(0, 8)
    buffer.put(Picture(0))
    buffer.finish("complete")
    assert buffer.is_ripe(0, 8)
