"""The hub and sinks that draw: whose pictures are kept how long, and who waits for them."""

import pytest
from hub_rig import Rig

from pipeline.messages import Closed, CloseSink, Counters, Credit, Frames, Records, SinkAck
from pipeline.stages.hub import Alarm

READER, VIDEO = "reader/a#0", "sink/v#0"


def rig(*, waits=True, draws=("v",), sources=("a",), room=4, **options):
    waiting = frozenset({"a"}) if waits else frozenset()
    return Rig(
        sources=sources,
        sinks=("s", *draws),
        draws=dict.fromkeys(draws, "a"),
        waits_for_sinks=waiting,
        credits=room,
        **options,
    )


def step(rig, times=3):
    for _ in range(times):
        rig.step()
        rig.answer(count=10)


def credit(rig, peer=READER):
    """Frames and slots that a reader has heard of since."""
    heard = [action.message for action in rig.heard(peer, Credit)]
    return sum(m.frames for m in heard), sum(m.slots for m in heard)


def to_draw(rig, sink=VIDEO):
    """Take the messages to a sink that draws."""
    return [action.message for action in rig.heard(sink, Records)]


def draw(rig, sink=VIDEO, messages=None, lost=0):
    for message in to_draw(rig, sink) if messages is None else messages:
        rig.say(sink, SinkAck(message.first_seq + len(message.records) - 1, 0, lost))


def test_it_gets_one_record_a_frame_with_the_lines_of_its_regions():
    r = rig()
    r.frame(regions=2, slot=3)
    r.frame(regions=0, slot=0)
    step(r)
    records = [record for message in to_draw(r) for record in message.records]
    assert [(m["event"], m["frame"], m["picture"]) for m in records] == [
        ("frame", 0, [READER, 3]),
        ("frame", 1, [READER, 0]),
    ]
    assert [line["region"] for line in records[0]["regions"]] == [0, 1]
    assert records[1]["regions"] == []
    r.write("sink/s#0")
    assert all("picture" not in record for record in r.written["sink/s"])
    assert len(r.written["sink/s"]) == 2


def test_it_gets_its_own_sources_frames_and_end_only():
    r = rig(sources=("a", "b"))
    r.frame("a", slot=0)
    r.frame("b")
    r.end("a")
    r.end("b")
    step(r)
    records = [record for message in to_draw(r) for record in message.records]
    assert [(record["event"], record["source"]) for record in records] == [
        ("frame", "a"),
        ("end_of_stream", "a"),
    ]


def test_a_source_that_waits_gets_its_credit_when_the_picture_is_drawn():
    r = rig(room=1)
    for slot in (0, 0, 0):
        r.step()
        assert credit(r)[0] == 1
        r.frame(slot=slot)
        step(r)
        assert credit(r) == (0, 0)
        draw(r)


def test_credits_of_drawn_frames_come_back_by_the_half():
    r = rig(room=6)
    r.step()
    assert credit(r) == (6, 0)
    for slot in range(6):
        r.frame(slot=slot)
        step(r)  # each of them comes in a message of its own
    given = []
    for message in to_draw(r):
        draw(r, messages=[message])
        r.step()
        given.append(credit(r))
    assert given == [(0, 0), (0, 0), (3, 3), (0, 0), (0, 0), (3, 3)]


def test_it_is_sent_a_few_frames_at_once_and_does_not_wait_for_more():
    r = rig(room=6)
    for slot in range(6):
        r.frame(slot=slot)
    step(r)
    messages = to_draw(r)
    assert [len(message.records) for message in messages] == [4, 2]
    draw(r, messages=messages)
    r.frame(slot=0)
    step(r)
    assert len(to_draw(r)) == 1


def test_a_camera_never_waits_and_what_has_no_picture_is_counted():
    r = rig(waits=False)
    r.step()
    credit(r)
    for slot in (0, 1, None, None):
        r.frame(slot=slot)
    step(r)
    assert credit(r) == (4, 0)
    assert r.hub.sinks["v"].frames_dropped == 2
    messages = to_draw(r)
    assert [record["frame"] for m in messages for record in m.records] == [0, 1]
    draw(r, messages=messages)
    r.step()
    assert credit(r) == (0, 2)


@pytest.mark.parametrize("waits", [True, False])
def test_a_sinks_successor_gets_the_pictures_that_were_not_drawn(waits):
    r = rig(waits=waits)
    r.step()
    credit(r)
    for slot in range(4):
        r.frame(slot=slot)
        step(r)
    draw(r, messages=to_draw(r)[:2])
    r.hub.child_lost(VIDEO)
    r.start("sink", "v", 1)
    step(r)
    again = to_draw(r, "sink/v#1")
    assert [record["picture"][1] for m in again for record in m.records] == [2, 3]
    draw(r, "sink/v#1", again)
    r.step()
    assert credit(r) == (4, 4)


def test_a_readers_successor_waits_for_the_old_pictures_but_has_a_new_ring():
    r = rig()
    r.step()
    credit(r)
    for slot in range(2):
        r.frame(slot=slot)
    step(r)
    r.hub.child_lost(READER)
    r.start("reader", "a", 1)
    r.step()
    assert credit(r, "reader/a#1") == (2, 0)
    r.frame(slot=0, peer="reader/a#1")
    step(r)
    messages = to_draw(r)
    pictures = [record["picture"] for m in messages for record in m.records]
    assert pictures == [[READER, 0], [READER, 1], ["reader/a#1", 0]]
    draw(r, messages=messages)
    r.step()
    assert credit(r, "reader/a#1") == (3, 1)


def test_credits_never_grow_however_often_a_reader_dies():
    r = rig()
    for life in range(5):
        peer = f"reader/a#{life}"
        r.step()
        frames, _ = credit(r, peer)
        for slot in range(frames):
            r.frame(slot=slot, peer=peer)
        step(r)
        if life % 2:
            draw(r)
        r.hub.child_lost(peer)
        r.start("reader", "a", life + 1)
    draw(r)
    r.step()
    assert credit(r, "reader/a#5")[0] == 4


def test_a_slot_is_free_when_every_sink_has_drawn_it():
    r = rig(draws=("v", "w"), room=1)
    r.step()
    credit(r)
    r.frame(slot=0)
    step(r)
    draw(r)
    r.step()
    assert credit(r) == (0, 0)
    draw(r, "sink/w#0")
    r.step()
    assert credit(r) == (1, 1)


def test_a_frame_that_is_dropped_as_poison_is_drawn_all_the_same():
    r = rig(room=1)
    r.step()
    credit(r)
    r.frame(slot=0)
    for life in range(2):
        r.step()
        r.hub.child_lost(f"worker/0#{life}")
        r.start("worker", "0", life + 1)
    r.step()
    messages = to_draw(r)
    assert [record["regions"] for m in messages for record in m.records] == [[]]
    draw(r, messages=messages)
    r.step()
    assert credit(r) == (1, 1)


def test_what_a_sink_has_lost_is_counted_and_an_alarm():
    r = rig()
    r.frame(slot=0)
    step(r)
    draw(r, lost=3)
    r.hub.child_lost(VIDEO)
    r.start("sink", "v", 1)
    r.frame(slot=1)
    step(r)
    draw(r, "sink/v#1", lost=2)
    r.end()
    step(r)
    draw(r, "sink/v#1", lost=2)
    step(r)
    (close,) = r.heard("sink/v#1", CloseSink)
    r.say("sink/v#1", Closed(close.message.seq, 4))
    step(r)
    assert r.hub.sinks["v"].frames_lost == 3 + 4
    alarms = [action.text for action in r.others if isinstance(action, Alarm)]
    assert alarms == [f"sink v: {n} frames are lost" for n in (3, 2, 2)]


def test_without_a_sink_that_draws_a_slot_is_given_back_at_once():
    r = Rig(credits=4)
    r.step()
    credit(r)
    r.frame(slot=0)
    step(r)
    assert credit(r) == (1, 1)


def test_frames_without_a_slot_of_a_source_that_waits_hold_no_credit():
    r = rig(room=1)
    r.step()
    credit(r)
    r.say(READER, Frames("a", [], Counters(0)))
    r.frame(slot=None)
    step(r)
    assert credit(r) == (1, 0)
    assert r.hub.sinks["v"].frames_dropped == 1
