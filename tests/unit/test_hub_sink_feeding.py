"""When the hub sends records to a sink: not one message for each, and nobody waits for long."""

import pytest

from pipeline.messages import Records
from pipeline.stages.hub.sink import SinkTrack

MS = 1_000_000


@pytest.fixture
def sink():
    track = SinkTrack("s")
    track.said_hello("sink/s#0", {})
    return track


def put(sink, count):
    for _ in range(count):
        sink.put({"source": "a", "frame": sink.next_seq, "region": 0})


def sent(sink, now_ms):
    """Records sent at this moment, None for the order to close."""
    messages = sink.messages(now_ms * MS)
    return [len(m.records) if isinstance(m, Records) else None for m in messages]


def test_the_first_record_goes_at_once_and_those_after_it_together(sink):
    put(sink, 1)
    assert sent(sink, 0) == [1]
    for now_ms in (10, 20, 30, 40):
        put(sink, 2)
        assert sent(sink, now_ms) == []
    assert sent(sink, 50) == [8]


def test_many_records_do_not_wait(sink):
    put(sink, 1)
    sent(sink, 0)
    put(sink, 64)
    assert sent(sink, 1) == [64]


def test_the_end_does_not_wait(sink):
    put(sink, 1)
    sent(sink, 0)
    put(sink, 1)
    sink.close_wanted = True
    assert sent(sink, 1) == [1, None]


def test_a_new_incarnation_does_not_wait(sink):
    put(sink, 3)
    sent(sink, 0)
    sink.lost()
    sink.said_hello("sink/s#1", {})
    assert sent(sink, 1) == [3]


@pytest.mark.parametrize(("regions", "at_once"), [(10, [4, 2]), (900, [2, 2, 2]), (3_000, [1] * 6)])
def test_frames_of_many_regions_are_drawn_a_few_at_a_time(regions, at_once):
    """More would be a message that no peer accepts."""
    track = SinkTrack("v", draws="a")
    track.said_hello("sink/v#0", {})
    for frame in range(6):
        track.put({"event": "frame", "source": "a", "frame": frame, "regions": [{}] * regions})
    assert sent(track, 0) == at_once
