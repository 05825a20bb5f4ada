"""A live source across its connections, with a reader that does as it is told."""

import logging

import numpy as np
import pytest

from pipeline.config import SourceConfig
from pipeline.errors import ConfigError, SourceError
from pipeline.messages import LinkAccount
from pipeline.readers import ArrayFrame, Backoff, KeptOpen, LinkTrack, Reader, ResumePoint

BLACK = np.zeros((4, 4, 3), np.uint8)


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


class Scripted(Reader):
    """Each connection is an error, or a number of pictures, 0.04 s apart, and a reason or error."""

    live = True

    def __init__(self, clock, *connections, skips=0):
        super().__init__("cam://x", SourceConfig(uri="x"))
        self.connections = list(connections)
        self.clock = clock
        self.skips = skips
        self.closed = 0

    def frames(self, resume=None):
        self.skipped = self.corrupt = self.clock_jumps = 0
        told = self.connections.pop(0)
        if isinstance(told, Exception):
            raise told
        count, self.end_reason = told
        first = 0 if resume is None else resume.frame + 1
        base_s = 0.0 if resume is None else resume.pts_s + 0.04
        for number in range(count):
            self.clock.now_s += 0.04
            self.skipped += self.skips
            frame = ArrayFrame(first + number, base_s + number * 0.04, (4, 4), lambda: BLACK)
            frame.captured_mono_ns = int(self.clock.now_s * 1e9)
            frame.skipped, frame.corrupt = self.skipped, 0
            yield frame
        if isinstance(self.end_reason, Exception):
            raise self.end_reason

    def close(self):
        self.closed += 1


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def play(clock):
    """Play connections until the last; gives frames, the link, the waits and the reader."""

    def _play(*connections, resume=None, track=None, skips=0):
        reader = Scripted(clock, *connections, skips=skips)
        track = track or LinkTrack()
        waits = []

        def wait(seconds):
            waits.append(seconds)
            clock.now_s += 10.0
            return not reader.connections

        kept = KeptOpen(reader, track, wait, Backoff(1.0, 8.0), clock)
        return list(kept.frames(resume)), track, waits, (reader, kept)

    return _play


def test_frames_are_numbered_through_and_each_connection_is_another_part(play):
    frames, track, waits, (reader, _) = play((3, "lost"), (2, "lost"), (2, "lost"))
    assert [f.index for f in frames] == list(range(7))
    parts = [f.part for f in frames]
    assert parts == sorted(parts)
    assert len(set(parts)) == 3
    assert len(waits) == 3
    assert reader.closed == 3
    assert (track.account.gaps, track.account.reconnects) == (3, 2)
    assert track.state == "reconnecting"
    assert track.trouble == "lost"


def test_what_passed_in_a_gap_is_in_source_time(play):
    frames, track, _, _ = play((3, "lost"), (2, "lost"))
    assert [round(f.pts_s, 3) for f in frames] == [0, 0.04, 0.08, 10.12, 10.16]
    assert track.account == LinkAccount(2, 1, 10.04, 10.04, 0)


def test_tries_without_a_picture_are_one_gap(play):
    away = [SourceError("no answer"), (0, "no picture for 3 s"), SourceError("no answer")]
    frames, track, waits, _ = play((2, "lost"), *away, (1, "lost"))
    assert [f.index for f in frames] == [0, 1, 2]
    assert track.account == LinkAccount(2, 1, 40.04, 40.04, 0)
    assert waits[0] <= 1.0 < waits[2] <= 4.0


def test_a_connection_that_held_and_then_failed_is_tried_again_soon(play):
    away = [SourceError("no answer")] * 4
    _, _, waits, _ = play((2, "lost"), *away, (900, SourceError("reset")), (1, "lost"))
    assert waits[4] > 4.0
    assert waits[5] <= 1.0


def test_a_camera_that_was_never_there_has_no_gap(play):
    frames, track, waits, _ = play(SourceError("a"), SourceError("b"), (1, "lost"))
    assert [f.pts_s for f in frames] == [0.0]
    assert (track.account.gaps, track.account.reconnects) == (1, 0)
    assert len(waits) == 3


def test_another_reader_of_a_source_ends_the_gap_that_its_predecessor_left(play, clock):
    before = LinkAccount(gaps=5, reconnects=4, gap_s=7.0, longest_gap_s=3.0)
    track = LinkTrack(before, last_picture_s=clock.now_s - 20.0, resumes=True)
    assert track.state == "reconnecting"
    frames, track, _, _ = play((2, "lost"), resume=ResumePoint(41, 100.0), track=track)
    assert [f.index for f in frames] == [42, 43]
    assert frames[0].pts_s == pytest.approx(120.04)
    assert track.account == LinkAccount(6, 5, 27.04, 20.04, 0)


def test_a_reader_that_died_while_connected_left_a_gap():
    track = LinkTrack(LinkAccount(gaps=2, reconnects=2), last_picture_s=1.0, resumes=True)
    assert (track.account.gaps, track.account.reconnects) == (3, 2)
    assert track.came(4.0) == 3.0
    assert (track.account.gaps, track.account.reconnects) == (3, 3)


def test_what_is_left_out_adds_up_over_connections(play):
    frames, _, _, (_, kept) = play((2, "lost"), (2, "lost"), skips=3)
    assert [f.skipped for f in frames] == [3, 6, 9, 12]
    assert kept.left_out == (12, 0)


def test_a_source_that_is_complete_is_not_opened_again(play):
    frames, _, waits, _ = play((2, "lost"), (1, "complete"), (5, "lost"))
    assert len(frames) == 3
    assert len(waits) == 1


def test_wrong_input_is_not_tried_again(play):
    with pytest.raises(ConfigError, match="a recording"):
        play(ConfigError("a recording"), (1, "lost"))


def test_a_month_of_tries_is_a_few_lines_without_credentials(play, caplog):
    caplog.set_level(logging.INFO)
    play(*[SourceError("rtsp://u:geheim@cam/s: no answer")] * 1000, (1, "lost"))
    assert 10 <= len(caplog.messages) <= 12
    assert "rtsp://***@cam/s: no answer; try 512 in" in caplog.text
    assert "geheim" not in caplog.text


def test_a_reader_is_stuck_only_inside_a_call_that_brings_nothing(clock):
    inside = []

    class Slow(Scripted):
        def frames(self, resume=None):
            for frame in super().frames(resume):
                kept.stuck_s()
                clock.now_s += 7.0
                inside.append(kept.stuck_s())
                self.skipped += 1  # one that is left out is progress, too
                inside.append(kept.stuck_s())
                yield frame

    kept = KeptOpen(Slow(clock, (1, "lost")), LinkTrack(), lambda _: True, Backoff(1, 1), clock)
    for _ in kept.frames():
        clock.now_s += 100.0  # nobody has room for it: that is no fault of the reader
        assert kept.stuck_s() == 0.0
    assert inside == [7.0, 0.0]
    clock.now_s += 100.0
    assert kept.stuck_s() == 0.0
