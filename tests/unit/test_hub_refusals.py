"""The hub refuses what does not fit its state, and keeps what it had."""

import pytest
from hub_rig import Rig

from pipeline.errors import PeerError
from pipeline.messages import (
    BatchDone,
    Counters,
    FrameHeader,
    Frames,
    Hello,
    ReaderStatus,
    RegionResult,
)
from pipeline.stages.hub import Kill


@pytest.mark.parametrize(
    ("peer", "message", "blob", "match"),
    [
        ("reader/a#0", Frames("a", [FrameHeader(0, 0, 0, 0, 0, [])], Counters(1)), b"x", "got 1"),
        ("reader/a#7", ReaderStatus("a", Counters(), "running", 0), b"", "reader/a#7: unexpected"),
        ("reader/a#0", ReaderStatus("b", Counters(), "running", 0), b"", "unexpected ReaderStatus"),
        ("worker/0#0", BatchDone(5, [], 1, 1), b"", "answers batch 5, not its turn"),
        ("worker/0#0", Hello("sink", "s", 1), b"", "expected worker 0, got sink s"),
        ("worker/0#0", Hello("worker", "0", 1, schema=99), b"", "expected schema 1, got 99"),
        ("sink/s#0", Hello("sink", "s", 1, about={"keys": 3}), b"", "expected source"),
    ],
)
def test_what_does_not_fit_the_state_is_refused(peer, message, blob, match):
    rig = Rig()
    with pytest.raises(PeerError, match=match):
        rig.say(peer, message, blob)


def test_a_frame_out_of_order_is_refused():
    rig = Rig()
    rig.frame(number=3)
    with pytest.raises(PeerError, match="expected a frame after 3, got 3"):
        rig.frame(number=3)


@pytest.mark.parametrize(
    ("result", "match"),
    [
        (RegionResult(2, 0.9, 0, 0.5, 1), "label_id 2 of 2 classes"),
        (RegionResult(0, 0.9, 3, 0.5, 1), "exit 3 of 3"),
    ],
)
def test_an_answer_outside_the_model_is_refused(result, match):
    rig = Rig()
    rig.frame()
    rig.step()
    with pytest.raises(PeerError, match=match):
        rig.say("worker/0#0", BatchDone(0, [result], 1, 1))


def test_too_few_answers_are_refused_and_the_batch_stays_open():
    rig = Rig()
    rig.frame()
    rig.step()
    with pytest.raises(PeerError, match="expected 1 results, got 0"):
        rig.say("worker/0#0", BatchDone(0, [], 1, 1))
    rig.end()
    rig.work(rounds=5)
    assert rig.frames_written() == [0]


def test_a_reader_that_breaks_protocol_is_replaced():
    rig = Rig()
    rig.frame(number=0)
    with pytest.raises(PeerError, match="expected a frame after 0, got 0"):
        rig.frame(number=0)
    rig.step()
    assert [a.peer for a in rig.others if isinstance(a, Kill)] == ["reader/a#0"]
