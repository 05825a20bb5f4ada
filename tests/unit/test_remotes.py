"""Readers on other hosts, as the hub's side sees them: who is admitted, given up, replaced."""

from types import SimpleNamespace

import pytest
from hub_rig import Rig

from pipeline.config import ListenConfig
from pipeline.errors import PeerError
from pipeline.messages import (
    Assignment,
    BatchDone,
    Counters,
    Fatal,
    Hello,
    Join,
    Leave,
    Ping,
    Pong,
    SourceEnded,
    TurnedAway,
)
from pipeline.remote_transport import Clock, by_the_hubs_clock
from pipeline.supervisor.remotes import Remotes
from pipeline.transport import Received

SECOND_NS = 1_000_000_000


class Site:
    """A hub with two remote sources and nobody there yet."""

    def __init__(self):
        self.rig = Rig(sources=("gate", "yard"), is_live=frozenset({"gate", "yard"}))
        self.hub = self.rig.hub
        for name in ("gate", "yard"):
            self.hub.child_lost(f"reader/{name}#0")
            self.hub.sources[name].was_heard = False
        self.sent, self.alarms, self.asked = [], [], []
        self.gone = set()
        listen = ListenConfig(address="tcp://127.0.0.1:1", timeout_s=10)
        plan = SimpleNamespace(
            remote_sources=["gate", "yard"], config=SimpleNamespace(listen=listen)
        )
        self.remotes = Remotes(
            plan,
            self.hub,
            self,
            door=None,
            send=self.send,
            alarm=self.alarms.append,
        )

    def remote(self, name, *, is_live):
        """In the place of the factory of specs."""
        self.asked.append((name, is_live))
        return {"name": name}

    def send(self, peer, message):
        self.sent.append((peer, message))
        return peer not in self.gone

    def say(self, peer, message, now_s=0.0):
        return self.remotes.receive(Received(peer, message, b""), int(now_s * SECOND_NS))

    def join(self, peer="remote:r1", source="gate", owner="host", live=True, now_s=0.0, **more):
        self.sent.clear()
        assert self.say(peer, Join(source, owner, live, **more), now_s)
        return self.sent[-1][1]

    def state(self, name="gate"):
        return self.hub.sources[name].state


@pytest.fixture
def site():
    return Site()


def test_a_known_name_gets_its_task_and_may_then_speak_to_the_hub(site):
    assert site.join() == Assignment({"name": "gate"}, 10.0)
    assert site.asked == [("gate", True)]
    hello = Hello("reader", "gate", 1)
    assert site.say("remote:r1", hello) is False
    site.hub.receive("remote:r1", hello, b"", 0)
    assert site.hub.sources["gate"].reader == "remote:r1"


def test_messages_of_this_hosts_own_children_are_the_hubs(site):
    assert site.say("reader/gate#0", Hello("reader", "gate", 1)) is False


def test_other_names_and_versions_are_turned_away_for_good(site):
    answer = site.join(source="gat")
    assert answer == TurnedAway(
        "expected one of its remote sources, gate, yard, got 'gat'", "refused"
    )
    answer = site.join(schema=99)
    assert answer.kind == "refused"
    assert "expected schema 1 of a reader, got 99; install the same version" in answer.reason


def test_who_has_not_joined_is_not_heard(site):
    with pytest.raises(PeerError, match="remote:x: expected one that has joined"):
        site.say("remote:x", Hello("reader", "gate", 1))


@pytest.mark.parametrize("message", [BatchDone(0, [], 1.0, 1.0), Fatal("end all this")])
def test_a_remote_reader_can_be_nothing_else(site, message):
    site.join()
    with pytest.raises(PeerError, match=f"unexpected {type(message).__name__} from a remote"):
        site.say("remote:r1", message)


def test_a_ping_is_answered_with_the_hubs_clock(site):
    site.join()
    assert site.say("remote:r1", Ping(7), now_s=2)
    assert site.sent[-1] == ("remote:r1", Pong(7, 2 * SECOND_NS))


def test_a_silent_reader_is_given_up_and_its_successor_continues(site):
    site.join()
    site.say("remote:r1", Ping(0), now_s=5)
    site.remotes.watch(int(14.9 * SECOND_NS))
    assert site.state() == "starting"
    site.remotes.watch(16 * SECOND_NS)
    assert site.state() == "reconnecting"
    (alarm,) = site.alarms
    assert alarm.startswith("source gate: its reader is gone (nothing heard for 11 s)")
    with pytest.raises(PeerError, match="expected one that has joined"):
        site.say("remote:r1", Ping(0), now_s=16)
    assert isinstance(site.join("remote:r2", owner="another", now_s=17), Assignment)
    assert site.state() == "starting"


def test_a_reader_is_not_given_up_for_a_time_in_which_nobody_listened(site):
    site.join()
    site.say("remote:r1", Ping(0), now_s=5)
    site.remotes.forgive(60 * SECOND_NS, 65 * SECOND_NS)
    site.remotes.watch(66 * SECOND_NS)
    assert site.state() == "starting"
    site.remotes.watch(76 * SECOND_NS)
    assert site.state() == "reconnecting"


def test_another_host_waits_but_the_same_one_replaces_its_reader_at_once(site):
    site.join()
    assert site.join("remote:r2", owner="another").kind == "busy"
    assert isinstance(site.join("remote:r3"), Assignment)
    with pytest.raises(PeerError, match="expected one that has joined"):
        site.say("remote:r1", Ping(0))


def test_a_connection_reads_one_source(site):
    site.join()
    with pytest.raises(PeerError, match="remote:r1: expected one source of a connection, got yard"):
        site.join(source="yard")
    site.hub.receive("remote:r1", Hello("reader", "gate", 1), b"", 0)
    assert site.say("remote:r1", Leave())
    assert (site.state(), site.hub.sources["gate"].reader) == ("reconnecting", None)


def test_who_has_left_before_it_was_answered_takes_nobodys_place(site):
    site.join()
    site.gone.add("remote:r0")
    site.join("remote:r0")
    assert site.say("remote:r1", Ping(7))
    assert (site.sent[-1], site.alarms) == (("remote:r1", Pong(7, 0)), [])


def test_who_leaves_makes_room_at_once(site):
    site.join()
    assert site.say("remote:r1", Leave())
    assert site.state() == "reconnecting"
    assert site.remotes.num_held == 0
    assert isinstance(site.join("remote:r2", owner="another"), Assignment)


def test_a_reader_that_the_hub_refuses_is_dropped(site):
    site.join()
    site.remotes.drop("worker/0#0", "x")
    assert site.remotes.num_held == 1
    site.remotes.drop("remote:r1", "sent a frame that cannot be accepted")
    assert site.state() == "reconnecting"


def test_after_its_end_a_source_needs_no_reader(site):
    site.join()
    site.hub.receive("remote:r1", Hello("reader", "gate", 1), b"", 0)
    site.hub.receive("remote:r1", SourceEnded("gate", "complete", Counters()), b"", 0)
    site.say("remote:r1", Leave())
    assert (site.state(), site.alarms) == ("ended", [])
    assert site.join("remote:r2").kind == "ended"


def test_a_source_that_ended_badly_needs_no_reader_either(site):
    site.join()
    site.hub.receive("remote:r1", Hello("reader", "gate", 1), b"", 0)
    ended = SourceEnded("gate", "clip.mp4: is cut off", Counters(), ok=False)
    site.hub.receive("remote:r1", ended, b"", 0)
    assert site.join("remote:r2").kind == "ended"


def test_a_drain_ends_what_nobody_reads_and_what_is_lost_meanwhile(site):
    site.join()
    site.remotes.drain()
    assert site.hub.sources["yard"].ended.reason == "stopped"
    assert site.hub.sources["gate"].ended is None
    assert site.join("remote:r2", source="yard").kind == "stopping"
    site.say("remote:r1", Leave())
    assert site.hub.sources["gate"].ended.reason == "stopped"


# --- clocks ---------------------------------------------------------------------------------------


def test_the_fastest_answer_tells_the_clock():
    clock = Clock()
    assert clock.ahead_ns == 0
    clock.learn(Pong(sent_ns=1_000, hub_ns=51_400), now_ns=2_000)
    assert clock.ahead_ns == 49_900  # 500 there and back each: 51,400 is their 1,500
    clock.learn(Pong(sent_ns=3_000, hub_ns=53_060), now_ns=3_100)
    clock.learn(Pong(sent_ns=4_000, hub_ns=90_000), now_ns=9_000)
    assert clock.ahead_ns == 50_010


def test_a_clock_forgets_what_was_long_ago():
    clock = Clock()
    clock.learn(Pong(0, 500), 2)
    for number in range(16):
        clock.learn(Pong(number * 100, number * 100 + 905), number * 100 + 10)
    assert clock.ahead_ns == 900


def test_only_the_moment_of_capture_is_told_by_another_clock():
    rig = Rig()
    frames = []
    rig.hub.receive = lambda _peer, message, *_: frames.append(message)
    rig.frame()
    (message,) = frames
    (moved,) = by_the_hubs_clock(message, 1_000).frames
    assert moved.captured_mono_ns == message.frames[0].captured_mono_ns + 1_000
    assert moved.captured_at_ns == message.frames[0].captured_at_ns
