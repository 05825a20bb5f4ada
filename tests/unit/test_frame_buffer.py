"""What a reader keeps and drops while the pipeline has no room."""

import threading
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


def taken(buffer, now_ns=0):
    out = []
    while (some := buffer.take(now_ns, 8)) is not None:
        out += [frame.index for frame in some.frames]
    return out


@pytest.mark.parametrize(
    ("on_full", "kept"),
    [
        ("latest", [19]),
        ("drop_oldest", list(range(12, 20))),
        ("drop_newest", list(range(8))),
    ],
)
def test_a_full_buffer_drops_by_policy_and_accounts_for_it(on_full, kept):
    buffer = FrameBuffer(on_full)
    for index in range(20):
        assert buffer.put(Picture(index))
    assert taken(buffer) == kept
    assert buffer.counters == Counters(20, {on_full: 20 - len(kept)})


def test_block_makes_the_decoder_wait_and_loses_nothing():
    buffer = FrameBuffer("block")
    decoder = threading.Thread(target=lambda: [buffer.put(Picture(i)) for i in range(50)])
    decoder.start()
    seen = []
    while len(seen) < 50:
        assert buffer.num_waiting <= 16
        seen += taken(buffer)
    decoder.join(timeout=5)
    assert not decoder.is_alive()
    assert seen == list(range(50))
    assert buffer.counters == Counters(50)


def test_a_frame_older_than_max_age_is_dropped_when_its_turn_comes():
    buffer = FrameBuffer("drop_oldest", max_age_s=1.0)
    for index in range(3):
        buffer.put(Picture(index, captured_mono_ns=index * 1_000_000_000))
    assert taken(buffer, now_ns=2_500_000_000) == [2]
    assert buffer.counters == Counters(3, {"max_age": 2})


def test_the_account_of_a_frame_covers_it_and_what_was_dropped_before_it():
    buffer = FrameBuffer("latest", counters=Counters(10, {"latest": 1}))
    for index in range(3):
        buffer.put(Picture(index, skipped=index))
    assert buffer.take(0, 8).counters == Counters(13, {"latest": 3}, skipped=2)


def test_a_held_frame_is_not_in_the_account():
    buffer = FrameBuffer("drop_oldest")
    buffer.put(Picture(0))
    assert buffer.counters == Counters(0)


def test_stopping_frees_a_waiting_decoder_and_forgets_held_frames():
    buffer = FrameBuffer("block")
    results = []
    decoder = threading.Thread(
        target=lambda: results.extend(buffer.put(Picture(i)) for i in range(99))
    )
    decoder.start()
    buffer.stop()
    decoder.join(timeout=5)
    assert not decoder.is_alive()
    assert results[-1] is False
    assert taken(buffer) == []


def test_a_paced_reader_stops_waiting_when_it_must_stop():
    buffer = FrameBuffer("block")
    threading.Timer(0.05, buffer.stop).start()
    assert buffer.wait_stopped(10.0) is True


def test_the_end_is_known_only_after_the_last_frame_is_taken():
    buffer = FrameBuffer("block")
    buffer.put(Picture(0))
    buffer.finish("complete")
    assert buffer.end is None
    taken(buffer)
    assert buffer.end == "complete"


def test_a_broken_decoder_is_reported():
    buffer = FrameBuffer("block")
    error = RuntimeError("decoder")
    buffer.finish("failed", failure=error)
    assert buffer.failure is error


def test_what_was_left_out_after_the_last_frame_is_in_the_final_account():
    buffer = FrameBuffer("block")
    buffer.finish("complete", left_out=(7, 2))
    assert buffer.counters == Counters(0, {}, 7, 2)


@pytest.mark.parametrize(("is_live", "skipped"), [(False, 5), (True, 105)])
def test_a_successor_goes_on_with_the_account(is_live, skipped):
    buffer = FrameBuffer("block", counters=Counters(10, {}, 100, 3), is_live=is_live)
    buffer.put(Picture(0, skipped=5, corrupt=1))
    assert buffer.take(0, 8).counters == Counters(11, {}, skipped, 4)
