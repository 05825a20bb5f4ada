"""Readers that hang, and cameras that stay away, as the hub sees them."""

import pytest
from hub_rig import Rig

from pipeline.messages import Counters, LinkAccount, ReaderStatus
from pipeline.stages.hub import Alarm, Kill
from pipeline.stages.hub.reader_watch import AWAY_NS, SILENCE_NS

PATIENCE_NS = 8_000_000_000
SECOND_NS = 1_000_000_000


def status(state="running", *, stuck_s=0.0, link=None, trouble=None):
    return ReaderStatus("a", Counters(), state, 0, link or LinkAccount(), trouble, stuck_s)


@pytest.fixture
def rig():
    return Rig(sources=("a", "b"), is_live=frozenset({"a"}), patience_ns={"a": PATIENCE_NS})


def killed(rig):
    kills = [action for action in rig.others if isinstance(action, Kill)]
    found = [kill for kill in kills if kill.peer.startswith("reader/")]
    rig.others.clear()
    return [(kill.peer, kill.reason) for kill in found]


def after(rig, nanoseconds):
    rig.now += nanoseconds
    rig.step()


def test_a_reader_that_says_nothing_is_killed_once(rig):
    after(rig, PATIENCE_NS - SECOND_NS)
    assert killed(rig) == []
    after(rig, 2 * SECOND_NS)
    after(rig, 2 * SECOND_NS)
    assert killed(rig) == [("reader/a#0", "has said nothing for 8 s")]
    after(rig, SILENCE_NS)
    assert killed(rig) == [("reader/b#0", "has said nothing for 30 s")]


def test_a_decoder_that_does_not_come_back_gets_its_reader_killed(rig):
    rig.say("reader/a#0", status(stuck_s=7.9))
    rig.step()
    assert killed(rig) == []
    rig.say("reader/a#0", status(stuck_s=8.4))
    rig.step()
    assert killed(rig) == [("reader/a#0", "its decoder has not come back for 8 s")]


def test_the_next_reader_is_judged_by_itself(rig):
    rig.say("reader/a#0", status(stuck_s=9.0))
    rig.step()
    assert len(killed(rig)) == 1
    rig.hub.child_lost("reader/a#0")
    assert rig.hub.sources["a"].state == "reconnecting"
    after(rig, 20 * SECOND_NS)
    assert killed(rig) == []
    rig.start("reader", "a", 1)
    rig.step()
    assert killed(rig) == []
    assert rig.hub.sources["a"].state == "reconnecting"
    after(rig, PATIENCE_NS + SECOND_NS)
    assert killed(rig) == [("reader/a#1", "has said nothing for 8 s")]


def test_a_source_that_has_ended_is_not_watched(rig):
    rig.end("a")
    rig.end("b")
    after(rig, 2 * SILENCE_NS)
    assert killed(rig) == []


def test_a_camera_that_stays_away_is_one_alarm_with_the_reason(rig):
    def minute(state):
        for _ in range(AWAY_NS // SECOND_NS):
            rig.say("reader/a#0", status(state, trouble="refused"))
            rig.say("reader/b#0", ReaderStatus("b", Counters(), "running", 0))
            after(rig, SECOND_NS)
        alarms = [action.text for action in rig.others if isinstance(action, Alarm)]
        rig.others.clear()
        return alarms

    away = ["source a: no pictures for 60 s: refused"]
    assert [minute("running"), minute("reconnecting"), minute("reconnecting")] == [[], away, []]
    assert [minute("running"), minute("reconnecting")] == [[], away]


def test_what_a_reader_says_is_one_line_without_a_password(rig):
    trouble = "rtsp://viewer:secret@192.0.2.1/x:\x1b[2J\nrefused"
    rig.say("reader/a#0", status("reconnecting", trouble=trouble))
    for _ in range(AWAY_NS // SECOND_NS + 1):
        rig.say("reader/a#0", status("reconnecting", trouble=trouble))
        after(rig, SECOND_NS)
    (alarm,) = [action.text for action in rig.others if isinstance(action, Alarm)]
    assert "refused" in alarm
    assert "secret" not in alarm
    assert alarm.isprintable()


def test_state_and_gaps_are_as_the_reader_says(rig):
    account = LinkAccount(3, 2, 4.5, 2.0, 1)
    rig.say("reader/a#0", status("reconnecting", link=account))
    assert rig.hub.sources["a"].state == "reconnecting"
    assert rig.hub.sources["a"].link == account
    rig.frame("a", peer="reader/a#0")
    assert rig.hub.sources["a"].state == "running"


def test_the_end_record_of_a_camera_tells_of_its_gaps(rig):
    rig.say("reader/a#0", status(link=LinkAccount(3, 2, 4.5, 2.0, 1)))
    rig.hub.source_failed("a", "stopped")
    rig.end("b")
    rig.work()
    ends = {r["source"]: r["link"] for r in rig.written["sink/s"] if "event" in r}
    gaps = {"reconnects": 2, "gaps": 3, "gap_s": 4.5, "longest_gap_s": 2.0, "clock_jumps": 1}
    assert ends == {"a": gaps, "b": None}
