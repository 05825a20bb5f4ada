import numpy as np
import pytest

from pipeline.readers import paced
from pipeline.readers.array_frame import ArrayFrame


class Timeline:
    """A clock that only waiting and decoding move."""

    def __init__(self):
        self.now_s = 1000.0
        self.stop_after_s = float("inf")

    def __call__(self):
        return self.now_s

    def wait(self, seconds):
        self.now_s += seconds
        return self.now_s > self.stop_after_s


def frames(times, clock=None, decoding_s=0.0):
    for index, pts_s in enumerate(times):
        if clock is not None:
            clock.now_s += decoding_s
        frame = ArrayFrame(index, pts_s, (1, 1), lambda: np.zeros((1, 1, 3), np.uint8))
        frame.captured_mono_ns = frame.captured_at_ns = 0
        yield frame


def test_frames_come_at_their_time_relative_to_the_first():
    clock = Timeline()
    seen = [(f.index, clock.now_s) for f in paced(frames([5.0, 5.1, 5.5]), clock.wait, clock)]
    assert seen == [(0, 1000.0), (1, pytest.approx(1000.1)), (2, pytest.approx(1000.5))]


def test_a_late_frame_comes_at_once_and_the_schedule_stays():
    clock = Timeline()
    seen = []
    for frame in paced(frames([0.0, 0.1, 0.2, 1.0]), clock.wait, clock):
        seen.append(clock.now_s - 1000.0)
        if frame.index == 0:
            clock.now_s += 0.5
    assert seen == pytest.approx([0.0, 0.5, 0.5, 1.0])


def test_decoding_time_is_part_of_the_wait():
    clock = Timeline()
    source = frames([0.0, 1.0, 2.0], clock, decoding_s=0.25)
    seen = [clock.now_s - 1000.25 for _ in paced(source, clock.wait, clock)]
    assert seen == pytest.approx([0.0, 1.0, 2.0])


def test_a_wait_cut_short_ends_the_frames():
    clock = Timeline()
    clock.stop_after_s = 1000.15
    assert [f.index for f in paced(frames([0.0, 0.1, 0.2, 0.3]), clock.wait, clock)] == [0, 1]


def test_a_frame_counts_as_captured_when_it_is_released():
    clock = Timeline()
    for frame in paced(frames([0.0, 0.1]), clock.wait, clock):
        assert frame.captured_mono_ns > 0
        assert frame.captured_at_ns > 0
