"""Sources that come and go while the hub runs."""

import pytest
from hub_rig import Rig, source_plan

from pipeline.errors import PeerError
from pipeline.messages import Counters, Credit, Hello, Records, SourceEnded, Stop
from pipeline.stages.hub import Kill, Retired
from pipeline.stages.hub.reader_watch import LEAVE_NS

SECOND_NS = 1_000_000_000


class Coming(Rig):
    """Readers end when they are told to, and are then gone."""

    def begin(self, name, incarnation=0, **fields):
        self.hub.begin_source(source_plan(name, **fields))
        self.sent_frames[name] = self.hub.sources[name].session.first_frame
        return self.start("reader", name, incarnation)

    def leave(self, name, incarnation=0, reason="removed"):
        self.hub.release_source(name, reason)
        self.step()
        peer = f"reader/{name}#{incarnation}"
        assert len(self.heard(peer, Stop)) == 1
        self.say(peer, SourceEnded(name, "stopped", self.hub.sources[name].counters))
        self.hub.child_lost(peer)

    @property
    def retired(self):
        return [action.name for action in self.others if isinstance(action, Retired)]

    def ends(self, source):
        records = self.written["sink/s"]
        return [r for r in records if "event" in r and r["source"] == source]


def test_a_source_that_comes_later_is_read_and_the_run_waits_for_its_end():
    rig = Coming()
    rig.frame()
    rig.work()
    rig.begin("b")
    rig.step()
    assert rig.heard("reader/b#0", Credit)[0].message.frames > 0
    rig.end()
    rig.work()
    assert not rig.hub.is_done
    rig.frame("b")
    rig.end("b")
    rig.work()
    assert rig.hub.is_done
    assert rig.frames_written("b") == [0]


def test_a_source_that_has_not_said_hello_holds_up_nobody_once_the_run_has_begun():
    rig = Coming()
    rig.step()
    rig.heard("reader/a#0", Credit)
    rig.hub.begin_source(source_plan("b"))
    rig.frame()
    rig.work()
    assert rig.heard("reader/a#0", Credit)[-1].message.frames == 1


def test_nothing_accepted_of_a_source_that_leaves_is_lost_and_its_end_says_why():
    rig = Coming(sources=("a", "b"))
    for _ in range(3):
        rig.frame("b")
    rig.leave("b")
    rig.step()
    assert rig.retired == []  # three frames are still to be answered
    rig.work()
    assert rig.retired == ["b"]
    assert "b" not in rig.hub.sources
    assert rig.frames_written("b") == [0, 1, 2]
    (end,) = rig.ends("b")
    assert (end["reason"], end["session"], end["end_frame"]) == ("removed", 1, 3)
    assert end["frames"]["captured"] == end["frames"]["processed"] == 3
    rig.hub.check_ledger()


def test_the_last_session_of_a_name_is_told_from_the_next_by_its_numbers():
    rig = Coming(sources=("a", "b"))
    rig.frame("b")
    rig.leave("b", reason="changed")
    rig.work()
    rig.begin("b", 1)
    assert rig.hub.sources["b"].session.number == 2
    rig.frame("b", peer="reader/b#1", segment=1)
    rig.leave("b", 1)
    rig.work()
    rig.begin("b", 2)
    rig.leave("b", 2)  # without any frame
    rig.work()
    assert rig.frames_written("b") == [0, 2]
    ends = [(e["session"], e["first_frame"], e["end_frame"]) for e in rig.ends("b")]
    assert ends == [(1, 0, 1), (2, 2, 3), (3, 4, 4)]
    past = rig.hub.sources.past["b"]
    assert (past.ledger.captured, past.ledger.processed) == (2, 2)
    assert past.next.first_frame == 5
    assert rig.hub.sources.names == ["a", "b"]


def test_a_sink_that_is_started_again_gets_the_later_session_and_not_the_earlier_one():
    rig = Coming(sources=("a", "b"))
    rig.frame("b")
    rig.leave("b")
    rig.work()
    rig.begin("b", 1)
    rig.frame("b", peer="reader/b#1")
    for _ in range(2):
        rig.step()
        rig.answer()
    rig.hub.child_lost("sink/s#0")
    end = rig.ends("b")[0]["end_frame"]
    rig.start("sink", "s", 1, keys={"b": [end, 0]})
    rig.step()
    records = [r for a in rig.heard("sink/s#1", Records) for r in a.message.records]
    assert [(r["source"], r["frame"]) for r in records] == [("b", 2)]


def test_a_source_at_its_end_leaves_at_once_and_keeps_the_reason_of_its_end():
    rig = Coming(sources=("a", "b"))
    rig.frame("b")
    rig.end("b")
    rig.work()
    rig.hub.child_lost("reader/b#0")
    rig.hub.release_source("b", "removed")
    rig.step()
    assert rig.retired == ["b"]
    assert [end["reason"] for end in rig.ends("b")] == ["complete"]


def test_a_source_leaves_only_when_its_reader_is_gone_and_its_pictures_are_drawn():
    rig = Coming(sources=("a", "b"), sinks=("s", "v"), draws={"v": "b"}, ring_slots={"b": 4})
    rig.frame("b", slot=0)
    rig.hub.release_source("b", "removed")
    rig.say("reader/b#0", SourceEnded("b", "stopped", rig.hub.sources["b"].counters))
    for _ in range(3):
        rig.step()
        rig.answer()
    rig.now += SECOND_NS
    rig.step()
    rig.write("sink/s#0")
    rig.hub.child_lost("reader/b#0")
    rig.step()
    assert rig.retired == []
    rig.write("sink/v#0")
    rig.step()
    assert rig.retired == ["b"]


def test_a_source_leaves_only_when_its_last_line_is_durable():
    rig = Coming(sources=("a", "b"))
    rig.frame("b")
    rig.leave("b")
    for _ in range(3):
        rig.step()
        rig.answer()
    rig.now += SECOND_NS
    rig.step()
    assert rig.retired == []
    rig.write("sink/s#0")
    rig.step()
    assert rig.retired == ["b"]


def test_a_source_that_leaves_gets_no_credit_and_a_reader_that_comes_late_is_told_to_stop():
    rig = Coming(sources=("a", "b"))
    rig.hub.child_lost("reader/b#0")
    rig.hub.child_started("reader/b#1", "reader", "b")
    rig.hub.release_source("b", "removed")
    rig.inbox["reader/b#1"] = rig.inbox.pop("reader/b#0")
    rig.inbox["reader/b#1"].clear()
    rig.say("reader/b#1", Hello("reader", "b", 1))
    rig.step()
    kinds = [type(action.message) for action in rig.inbox["reader/b#1"]]
    assert kinds == [Stop]


def test_a_reader_that_does_not_stop_is_killed():
    rig = Coming(sources=("a", "b"))
    rig.hub.release_source("b", "removed")
    rig.step()
    for _ in range(2):
        rig.now += LEAVE_NS
        for name in ("a", "b"):
            rig.hub._readers.heard(name, rig.now)
        rig.step()
    kills = [action for action in rig.others if isinstance(action, Kill)]
    assert [(kill.peer, kill.reason) for kill in kills] == [
        ("reader/b#0", "was told to stop and has not said its end for 10 s")
    ]
    rig.hub.child_lost("reader/b#0")
    rig.hub.source_left("b")
    rig.work()
    assert rig.retired == ["b"]
    assert rig.ends("b")[0]["reason"] == "removed"


def test_the_run_goes_on_for_a_name_that_will_begin_again():
    rig = Coming()
    rig.hub.sources.expected.add("a")
    rig.leave("a", reason="changed")
    rig.work()
    assert rig.retired == ["a"]
    assert not rig.hub.is_done
    rig.begin("a", 1)
    rig.say("reader/a#1", SourceEnded("a", "complete", Counters()))
    rig.work()
    assert rig.hub.is_done


def test_labels_are_not_smoothed_over_what_another_session_shows():
    rig = Coming(sources=("a", "b"), smooth=(3, 5))
    for _ in range(3):
        rig.frame("b")
    rig.leave("b", reason="changed")
    rig.work()
    rig.begin("b", 1)
    rig.frame("b", peer="reader/b#1")
    rig.work()
    shown = [r["smoothed_label"] for r in rig.written["sink/s"] if "event" not in r]
    assert shown == [None, None, "dog", None]


def test_a_frame_below_its_session_is_refused():
    rig = Coming(sources=("a", "b"))
    rig.frame("b")
    rig.leave("b", reason="changed")
    rig.work()
    rig.begin("b", 1)
    with pytest.raises(PeerError, match="expected a frame after 1, got 0"):
        rig.frame("b", number=0, peer="reader/b#1")
