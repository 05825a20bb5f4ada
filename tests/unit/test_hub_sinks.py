"""The hub and its sinks: what is written, kept until it is durable, and not sent too early."""

import msgspec
from hub_rig import Rig

from pipeline.messages import (
    Credit,
    Records,
    SinkAck,
)
from pipeline.readers.base import ResumePoint
from pipeline.results import EndRecord, RegionRecord
from pipeline.stages.hub import Alarm, Kill


def test_every_line_fits_the_published_schema():
    rig = Rig()
    rig.frame()
    rig.end()
    rig.work(rounds=5)
    first, last = rig.written["sink/s"]
    record = msgspec.convert(first, RegionRecord)
    assert (record.label, record.exit, record.policy_version) == ("dog", 1, 1)
    assert msgspec.convert(last, EndRecord).frames["processed"] == 1


def test_a_sinks_successor_gets_what_was_not_durable_less_what_it_holds():
    rig = Rig()
    for _ in range(6):
        rig.frame()
    rig.end()
    for _ in range(4):
        rig.step()
        rig.answer(count=10)
    first = rig.heard("sink/s#0", Records)
    assert sum(len(a.message.records) for a in first) == 7
    rig.say("sink/s#0", SinkAck(1, 99))
    rig.hub.child_lost("sink/s#0")
    rig.start("sink", "s", 1, keys={"a": [3, 0]})
    rig.work(rounds=3)
    assert rig.frames_written() == [4, 5]
    assert rig.hub.is_done


def test_resuming_skips_what_the_sink_already_holds():
    rig = Rig()
    rig.hub.child_lost("sink/s#0")
    rig.start("sink", "s", 1, keys={"a": [2, 0]})
    rig.hub.resume_source("a", ResumePoint(1, 0.04), regions=4, frames=2)
    rig.sent_frames["a"] = 2
    rig.frame(regions=2)
    rig.frame(regions=2)
    rig.end(captured=4)
    rig.work(rounds=5)
    keys = [(r["frame"], r["region"]) for r in rig.written["sink/s"] if "event" not in r]
    assert keys == [(2, 1), (3, 0), (3, 1)]
    assert rig.hub.sources["a"].ledger.processed == 4
    rig.hub.check_ledger()


def test_a_source_gets_no_credit_while_a_sink_is_far_behind():
    rig = Rig(credits=8192, max_batch=4096)
    rig.step()
    rig.heard("reader/a#0", Credit)
    for _ in range(4200):
        rig.frame()
    for _ in range(8):
        rig.step()
        rig.answer(count=10)
    assert rig.hub.sinks["s"].is_full
    assert rig.heard("reader/a#0", Credit) == []
    rig.work(rounds=3)
    assert sum(a.message.frames for a in rig.heard("reader/a#0", Credit)) == 4200


def test_a_frozen_sink_is_sent_a_bounded_number_of_messages_and_loses_nothing():
    rig = Rig(credits=8192, max_batch=4096)
    for _ in range(3_000):
        rig.frame()
        rig.step()
        rig.answer(count=10)
    assert len(rig.inbox["sink/s#0"]) <= 32
    rig.end()
    rig.work(rounds=60)
    assert rig.frames_written() == list(range(3_000))
    assert rig.hub.is_done


def test_a_sink_that_answers_nothing_is_killed():
    rig = Rig(batch_deadline_ns=2_000_000_000)
    rig.frame()
    rig.step()
    rig.answer()
    for _ in range(4):
        rig.now += 1_000_000_000
        rig.step()
    assert {a.peer for a in rig.others if isinstance(a, Kill)} == {"sink/s#0"}


def test_a_sink_with_nothing_to_do_is_left_alone():
    rig = Rig(batch_deadline_ns=2_000_000_000)
    for _ in range(9):
        rig.now += 1_000_000_000
        rig.step()
    assert [a for a in rig.others if isinstance(a, Kill)] == []


def alarms(rig):
    return [action.text for action in rig.others if isinstance(action, Alarm)]


def test_a_sink_that_waits_for_room_is_an_alarm_once_and_is_not_killed():
    rig = Rig(batch_deadline_ns=1_000_000_000)
    rig.frame()
    rig.step()
    rig.answer()
    rig.step()
    assert rig.heard("sink/s#0", Records)
    for _ in range(50):
        rig.say("sink/s#0", SinkAck(-1, 0, 0, "results.jsonl: full"))
        rig.now += 500_000_000
        rig.step()
    assert alarms(rig) == ["sink s: results.jsonl: full"]
    assert not any(isinstance(action, Kill) for action in rig.others)
    assert len(rig.hub.sinks["s"].unacked) == 1
    rig.say("sink/s#0", SinkAck(0, 100))
    assert not rig.hub.sinks["s"].unacked
    rig.say("sink/s#0", SinkAck(0, 100, 0, "results.jsonl: full"))
    rig.step()
    assert len(alarms(rig)) == 2


def test_what_a_sink_says_of_its_trouble_is_one_short_line():
    """It may quote a file name, or an address with a password in it."""
    rig = Rig()
    for lost in (1, 2):
        rig.say("sink/s#0", SinkAck(-1, 0, lost, "rtsp://me:secret@cam/x\n" + 5_000 * "y "))
        rig.step()
    (said,) = alarms(rig)
    assert "\n" not in said
    assert "secret" not in said
    assert len(said) < 600


def test_what_a_sink_loses_in_trouble_is_counted_without_an_alarm_each_time():
    rig = Rig()
    for lost in range(1, 20):
        rig.say("sink/s#0", SinkAck(-1, 0, lost, "lot.mp4: full"))
        rig.step()
    assert alarms(rig) == ["sink s: lot.mp4: full"]
    assert rig.hub.sinks["s"].frames_lost == 19
    rig.say("sink/s#0", SinkAck(-1, 0, 19))
    rig.say("sink/s#0", SinkAck(-1, 0, 21))
    rig.step()
    assert alarms(rig)[1:] == ["sink s: 2 frames are lost"]


def test_an_interrupts_ends_come_behind_all_results():
    """A camera that is away has nothing to wait for; whoever goes on cuts off what it would say."""
    rig = Rig(sources=("a", "b"))
    for _ in range(3):
        rig.frame(source="b")
    rig.end("a", reason="stopped", captured=0)
    rig.step()
    rig.end("b", reason="stopped", captured=3)
    rig.work(rounds=5)
    assert [(r["source"], r.get("event")) for r in rig.written["sink/s"]] == [
        *[("b", None)] * 3,
        ("a", "end_of_stream"),
        ("b", "end_of_stream"),
    ]


def test_another_end_waits_for_nobody():
    rig = Rig(sources=("a", "b"))
    rig.frame(source="b")
    rig.end("a", captured=0)
    rig.step()
    rig.end("b", captured=1)
    rig.work(rounds=5)
    assert [(r["source"], r.get("event")) for r in rig.written["sink/s"]] == [
        ("a", "end_of_stream"),
        ("b", None),
        ("b", "end_of_stream"),
    ]
