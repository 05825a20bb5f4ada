"""The hub refuses what does not fit its state, and keeps what it had."""

import pytest
from hub_rig import Rig

from pipeline.errors import PeerError
from pipeline.messages import (
    BatchDone,
    Closed,
    Counters,
    Fatal,
    FrameHeader,
    Frames,
    Hello,
    ReaderStatus,
    RegionResult,
    SinkAck,
    SourceEnded,
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
        ("sink/s#0", Hello("sink", "s", 1), b"", "said hello already"),
        ("sink/s#0", SinkAck(0, 1), b"", "SinkAck of 0, which it was not sent"),
        ("sink/s#0", Closed(-1), b"", "Closed of -1, which it was not sent"),
        ("x", Fatal("the end is near"), b"", "x: unexpected Fatal from ?"),
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
    rig.step()
    # No other answer would come from it: it goes, and its successor gets the region.
    assert [a.peer for a in rig.others if isinstance(a, Kill)] == ["worker/0#0"]
    rig.hub.child_lost("worker/0#0")
    rig.start("worker", "0", 1)
    rig.end()
    rig.work(("worker/0#1",), rounds=5)
    assert rig.frames_written() == [0]


@pytest.mark.parametrize(
    ("role", "name", "about", "match"),
    [
        ("sink", "s", {"keys": 3}, "expected source"),
        ("sink", "s", {"keys": {"a": [float("inf"), 0]}}, "expected source"),
        ("sink", "s", {"keys": {"a": {"0": 1}}}, "expected source"),
        ("worker", "0", {"precision": "fp8"}, "expected a precision of .*, got 'fp8'"),
    ],
)
def test_a_hello_that_cannot_be_is_refused(role, name, about, match):
    rig = Rig()
    with pytest.raises(PeerError, match=match):
        rig.start(role, name, 1, **about)


def test_nobody_is_heard_before_its_hello():
    rig = Rig()
    rig.frame()
    rig.hub.child_lost("reader/a#0")
    rig.hub.child_started("reader/a#1", "reader", "a")
    with pytest.raises(PeerError, match="reader/a#1: ReaderStatus before its hello"):
        rig.say("reader/a#1", ReaderStatus("a", Counters(1), "running", 0))


def test_frames_without_credit_are_refused():
    rig = Rig(credits=2)
    rig.frame()
    rig.frame()
    with pytest.raises(PeerError, match="at most 2 frames in the pipeline, got 1 beside 2"):
        rig.frame()


def test_a_slot_that_is_not_there_or_not_drawn_is_refused():
    rig = Rig(ring_slots={"a": 2})
    rig.frame(slot=1)
    with pytest.raises(PeerError, match="slot 2 of 2"):
        rig.frame(slot=2)
    with pytest.raises(PeerError, match="a slot whose picture is not drawn yet"):
        rig.frame(slot=1)


def test_an_account_that_does_not_balance_moves_nothing():
    rig = Rig()
    rig.frame()
    for counters in (Counters(2), Counters(9, {"latest": 7}), Counters(0)):
        with pytest.raises(PeerError, match="account: expected 1 frames"):
            rig.say("reader/a#0", ReaderStatus("a", counters, "running", 0))
    rig.hub.check_ledger()


def test_a_child_gives_up_once():
    rig = Rig()
    rig.say("worker/0#0", Fatal("out of\n\x1b[2Jpaper"))
    with pytest.raises(PeerError, match="unexpected Fatal from worker"):
        rig.say("worker/0#0", Fatal("again"))
    assert rig.hub.fatal == ["out of  [2Jpaper"]


def test_a_reader_that_breaks_protocol_is_replaced():
    rig = Rig()
    rig.frame(number=0)
    with pytest.raises(PeerError, match="expected a frame after 0, got 0"):
        rig.frame(number=0)
    rig.step()
    assert [a.peer for a in rig.others if isinstance(a, Kill)] == ["reader/a#0"]


def test_why_a_source_has_ended_names_no_password():
    rig = Rig()
    reason = "http://viewer:secret@cam/x: broke\noff"
    rig.say("reader/a#0", SourceEnded("a", reason, Counters(), ok=False))
    rig.work(rounds=5)
    (end,) = rig.written["sink/s"]
    assert end["reason"] == "http://***@cam/x: broke off"
    assert not any("secret" in str(action) for action in rig.others)
