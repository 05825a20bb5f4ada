"""Real sockets with CURVE between a hub's door and readers' links."""

import contextlib
import resource
import socket
import threading
import time

import pytest

from pipeline.curve import HubKeys, ReaderKeys, make_keys
from pipeline.errors import ConfigError, StageError
from pipeline.messages import (
    Assignment,
    Counters,
    Credit,
    EndConfirmed,
    Frames,
    Hello,
    Join,
    Leave,
    Ping,
    Pong,
    SourceEnded,
    TurnedAway,
)
from pipeline.remote_transport import Door, HubLostError, RemoteLink, _KeyRing
from pipeline.roles import reader as reader_role
from pipeline.roles.remote_reader import run_remote_reader
from pipeline.specs import RemoteReaderSpec
from pipeline.transport import HubSocket, Link, Received, new_context

WAIT_MS = 5_000


@pytest.fixture
def context():
    context = new_context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def keys(tmp_path):
    make_keys(tmp_path / "k", ["gate", "stranger"])
    (tmp_path / "k" / "hub" / "readers" / "stranger.key").unlink()
    return tmp_path / "k"


@pytest.fixture
def door(keys):
    return Door("tcp://127.0.0.1:*", HubKeys.load(keys / "hub"), timeout_s=5)


@pytest.fixture
def hub(context, door):
    hub = HubSocket(context, "inproc://hub", ["inproc://telemetry"], "inproc://control", door)
    yield hub
    hub.close()


@pytest.fixture
def connect(door, keys):
    """Links in a context of their own, as on another host."""
    context, links = new_context(), []

    def _connect(identity, name="gate"):
        own = None if name is None else ReaderKeys.load(keys / name)
        links.append(RemoteLink(context, door.address, identity, own))
        return links[-1]

    yield _connect
    for link in links:
        link.close(hub_listens=False)
    context.destroy(linger=0)


def arrived(hub):
    for _ in range(10):
        hub.wait(WAIT_MS)
        got = list(hub.receive())
        if got:
            return got
    raise AssertionError("nothing came")


def lost(link):
    """Why a link ends; it must within a few seconds."""
    for _ in range(25):
        try:
            link.receive(200)
        except HubLostError as error:
            return str(error)
    raise AssertionError("still there")


def test_messages_and_pixels_pass_encrypted_in_both_directions(hub, connect):
    link = connect("reader/gate#a")
    link.send(Hello("reader", "gate", 1), b"pixels")
    (got,) = arrived(hub)
    assert got == Received("remote:reader/gate#a", Hello("reader", "gate", 1), b"pixels")
    assert hub.send("remote:reader/gate#a", Credit(3))
    assert link.receive(WAIT_MS) == (Credit(3), b"")


def test_no_remote_peer_has_the_name_of_a_child(hub, connect):
    connect("worker/0#0").send(Hello("worker", "0", 1))
    (got,) = arrived(hub)
    assert got.peer == "remote:worker/0#0"
    assert hub.send("worker/0#0", Credit(1)) is False


@pytest.mark.parametrize(
    ("name", "words"),
    [("stranger", "it does not know this host's key"), (None, "it wants keys")],
)
def test_without_a_known_key_nothing_passes_and_it_is_counted(hub, door, connect, name, words):
    stranger = connect("reader/gate#x", name)
    stranger.send(Join("gate", "o", live=True))
    assert words in lost(stranger)
    hub.wait(WAIT_MS)
    assert list(hub.receive()) == []
    assert door.refused_clients >= 1
    connect("reader/gate#a").send(Join("gate", "o", live=True))
    assert [got.peer for got in arrived(hub)] == ["remote:reader/gate#a"]


def test_a_key_that_is_added_meanwhile_opens(hub, door, connect, keys):
    public = (keys / "hub" / "readers" / "gate.key").rename(keys / "away")
    assert "does not know" in lost(connect("reader/gate#a"))
    public.rename(keys / "hub" / "readers" / "gate.key")
    connect("reader/gate#b").send(Join("gate", "o", live=True))
    assert [got.peer for got in arrived(hub)] == ["remote:reader/gate#b"]


@contextlib.contextmanager
def no_file_can_be_opened():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_key_that_is_damaged_keeps_nobody_else_out(hub, connect, keys):
    (keys / "hub" / "readers" / "damaged.key").write_text("curve\n    public-key\n")
    link = connect("reader/gate#a")
    link.send(Hello("reader", "gate", 1), b"pixels")
    (got,) = arrived(hub)
    assert got.peer == "remote:reader/gate#a"


def test_a_door_keeper_that_has_died_keeps_no_child_out_and_no_run_from_closing(door, tmp_path):
    at = [f"ipc://{tmp_path}/{name}" for name in ("hub", "telemetry", "control")]
    context = new_context()
    hub = HubSocket(context, at[0], at[1:2], at[2], door)
    keeper = door._authenticator
    keeper.pipe.send(b"TERMINATE")
    keeper.thread.join(WAIT_MS / 1e3)
    assert not keeper.is_alive()
    child = Link(context, at[0], "worker/0#0")
    child.send(Hello("worker", "0", 1))
    (got,) = arrived(hub)
    assert got.peer == "worker/0#0"
    child.close(hub_listens=False)
    closing = threading.Thread(target=hub.close, daemon=True)
    closing.start()
    closing.join(WAIT_MS / 1e3)
    assert not closing.is_alive()
    context.destroy(linger=0)


def test_a_moment_without_file_descriptors_does_not_end_the_door_keeper(keys, caplog):
    ring = _KeyRing(HubKeys.load(keys / "hub"))
    key = ReaderKeys.load(keys / "gate").own.public
    with no_file_can_be_opened():
        assert [ring.callback("hub", key) for _ in range(3)] == [False] * 3
    assert ring.callback("hub", key)
    (told,) = caplog.messages
    assert "readers cannot be read (Too many open files); nobody comes in until it can" in told


def test_an_ipv6_address_is_listened_at_and_found(context):
    with socket.socket(socket.AF_INET6) as own:
        try:
            own.bind(("::1", 0))
        except OSError:
            pytest.skip("this host has no ::1")
    door = Door("tcp://[::1]:0", None, timeout_s=5)
    assert door.address.startswith("tcp://[::1]:")
    hub = HubSocket(context, "inproc://hub", ["inproc://telemetry"], "inproc://control", door)
    link = RemoteLink(context, door.address, "reader/gate#a", None)
    link.send(Join("gate", "o", live=True))
    (got,) = arrived(hub)
    assert got.message == Join("gate", "o", live=True)
    link.close(hub_listens=False)
    hub.close()


def test_another_hub_is_noticed(hub, connect, keys):
    make_keys(keys / "other", ["gate"])
    (keys / "gate" / "hub.key").write_bytes((keys / "other" / "gate" / "hub.key").read_bytes())
    assert "it has other keys than this host was given" in lost(connect("reader/gate#a"))


def test_nobody_there_is_noticed(context):
    link = RemoteLink(context, "tcp://127.0.0.1:9", "reader/gate#a", None)
    assert lost(link) == "nobody answers there"
    link.close(hub_listens=False)


def test_a_link_pings_and_a_hub_that_answers_is_alive(hub, connect):
    link = connect("reader/gate#a")
    link.timeout_s = 2.0
    assert link.receive(0) is None
    (ping,) = arrived(hub)
    assert isinstance(ping.message, Ping)
    hub.send(ping.peer, Pong(ping.message.sent_ns, ping.message.sent_ns + 10**15))
    hub.send(ping.peer, Credit(1))
    # An answer to a ping wakes it, and what follows may still be on the way.
    heard = [link.receive(WAIT_MS) or link.receive(WAIT_MS)]
    assert heard == [(Credit(1), b"")]
    assert link._clock.ahead_ns == pytest.approx(10**15, abs=5e9)


def test_a_hub_that_says_nothing_is_lost(hub, connect):
    link = connect("reader/gate#a")
    link.timeout_s = 1.0
    assert lost(link).startswith("nothing heard for")


def test_a_hub_that_is_gone_is_lost_at_once(context, keys, connect, door):
    link = connect("reader/gate#a")
    hub = HubSocket(context, "inproc://hub", ["inproc://telemetry"], "inproc://control", door)
    link.send(Hello("reader", "gate", 1))
    arrived(hub)
    hub.close()
    assert lost(link) == "the connection ended"


def test_who_leaves_a_hub_that_is_gone_closes_all_the_same(context):
    link = RemoteLink(context, "tcp://127.0.0.1:9", "reader/gate#a", None)
    lost(link)
    link.leave()
    assert link._dealer.closed


# --- a whole reader -------------------------------------------------------------------------------

AHEAD_NS = 10**15


class Reading:
    """A reader in a thread, with a hub whose clock is ahead, and that never confirms an end."""

    def __init__(self, hub, door, keys):
        self.hub, self.heard, self.raised, self.num_bytes = hub, [], [], []
        self.task = {"source": {"uri": "remote://"}, "input_size": [8, 8], "resize": "stretch"}
        self.refusal, self.confirms = None, False
        spec = RemoteReaderSpec(
            name="gate",
            identity="reader/gate",
            endpoint=door.address,
            run_folder=None,
            supervisor_pid=1,
            uri="synthetic://?frames=5",
            keys=str(keys / "gate"),
            decode_threads=1,
            owner="o",
        )
        self.address, self.stopping = door.address, threading.Event()
        self.context = new_context()
        self.thread = threading.Thread(target=self._read, args=(spec,))
        self.thread.start()

    def _read(self, spec):
        try:
            run_remote_reader(spec, self.context, self.stopping)
        except (StageError, ConfigError) as error:
            self.raised.append(str(error))
            self.failure = error

    def until(self, kind):
        """Answer as a hub does until such a message has come."""
        while not any(isinstance(message, kind) for message in self.heard):
            for got in arrived(self.hub):
                self.heard.append(got.message)
                self.num_bytes.append(len(got.blob))
                answer = self._answer(got.message)
                if answer is not None:
                    self.hub.send(got.peer, answer)
        return next(message for message in self.heard if isinstance(message, kind))

    def _answer(self, message):
        if isinstance(message, Join):
            return self.refusal or Assignment(self.task, 5.0)
        if isinstance(message, Ping):
            return Pong(message.sent_ns, time.monotonic_ns() + AHEAD_NS)
        if isinstance(message, SourceEnded):
            return EndConfirmed() if self.confirms else None
        return Credit(8) if isinstance(message, Hello) else None


@pytest.fixture
def reading(hub, door, keys, monkeypatch):
    monkeypatch.setattr(reader_role, "_CONFIRM_TIMEOUT_S", 0.5)
    reading = Reading(hub, door, keys)
    yield reading
    reading.stopping.set()
    reading.thread.join(timeout=20)
    reading.context.destroy(linger=0)


def test_a_reader_knows_the_hubs_clock_before_it_says_hello(reading):
    reading.until(Hello)
    kinds = [type(message) for message in reading.heard]
    # The first answer alone may have waited for a hub that was busy.
    assert kinds[: kinds.index(Hello)].count(Ping) > 1
    frames = reading.until(Frames).frames
    assert frames[0].captured_mono_ns == pytest.approx(time.monotonic_ns() + AHEAD_NS, abs=60e9)


def test_an_end_that_the_hub_does_not_confirm_is_no_end(reading):
    reading.until(SourceEnded)
    reading.thread.join(timeout=20)
    assert not reading.thread.is_alive()
    assert ["has not confirmed the end of gate" in words for words in reading.raised] == [True]


def test_who_cannot_take_its_task_says_goodbye(reading):
    reading.task |= {"resize": "pad"}
    reading.until(Leave)
    reading.thread.join(timeout=20)
    assert ["expected settings that this version knows" in words for words in reading.raised] == [
        True
    ]


def test_the_hub_hears_that_a_source_cannot_be_read_here(reading):
    reading.confirms = True
    counters = Counters(7, {"max_age": 2})
    reading.task |= {"resize": "pad", "counters": [7, {"max_age": 2}, 0, 0]}
    ended = reading.until(SourceEnded)
    assert (ended.source, ended.ok, ended.counters) == ("gate", False, counters)
    assert "expected settings that this version knows, got Invalid enum value 'pad'" in ended.reason
    reading.until(Leave)
    reading.thread.join(timeout=20)
    assert reading.raised == [ended.reason]
    kinds = [type(message) for message in reading.heard]
    assert kinds.index(Hello) < kinds.index(SourceEnded) < kinds.index(Leave)


def test_a_hub_that_has_not_heard_of_the_end_is_told_again(reading):
    reading.task |= {"resize": "pad"}
    reading.until(Leave)
    reading.thread.join(timeout=20)
    assert isinstance(reading.failure, StageError)  # which has another process started
    assert reading.raised[0].endswith(f"hub {reading.address} has not confirmed this end")


def test_why_a_hub_refuses_is_told_in_one_line_that_steers_no_terminal(reading):
    reading.refusal = TurnedAway("no\n\x1b[2J" + 2_000 * "x", "refused")
    reading.until(Join)
    reading.thread.join(timeout=20)
    (told,) = reading.raised
    assert f"hub {reading.address}: no  [2Jxxx" in told
    assert told.isprintable()
    assert len(told) < 600


def test_crops_that_travel_together_are_a_megabyte_at_most_zones_and_all(reading):
    zones = {str(number): [0, 0, 0.5, 0.5] for number in range(20)}
    reading.task |= {
        "source": {"uri": "remote://", "regions": {"type": "zones", "zones": zones}},
        "input_size": [128, 128],
        "credits": 8,
    }
    reading.until(SourceEnded)
    assert max(reading.num_bytes) == 20 * 128 * 128 * 3  # a frame; two would be 2 MB


def test_crops_that_no_message_takes_are_an_error_in_words(reading):
    zones = {str(number): [0, 0, 0.5, 0.5] for number in range(22)}
    reading.task |= {
        "source": {"uri": "remote://", "regions": {"type": "zones", "zones": zones}},
        "input_size": [1024, 1024],
    }
    reading.until(Leave)
    reading.thread.join(timeout=20)
    (told,) = reading.raised
    assert "sources.gate.regions: expected at most 64 MiB of crops in a message, got 66 MiB" in told
    assert "in 1 frames of 22 regions, 1024x1024 pixels each" in told
