"""Real ZeroMQ sockets: what arrives, what is refused, who is gone."""

import socket

import pytest
import zmq
from sample_snapshot import sample_snapshot

from pipeline.errors import PeerError
from pipeline.messages import Credit, Fatal, Hello, Stop, encode
from pipeline.transport import (
    HubSocket,
    Link,
    Received,
    SnapshotFeed,
    decode_snapshot,
    encode_snapshot,
    new_context,
)

WAIT_MS = 5_000


@pytest.fixture
def context():
    context = new_context()
    yield context
    context.destroy(linger=0)


@pytest.fixture(params=["ipc", "inproc"])
def endpoints(request, tmp_path):
    if request.param == "ipc":
        return f"ipc://{tmp_path}/hub", f"ipc://{tmp_path}/telemetry"
    return "inproc://hub", "inproc://telemetry"


@pytest.fixture
def hub(context, endpoints):
    first, telemetry = endpoints
    hub = HubSocket(context, first, [telemetry], f"{first}-control")
    yield hub
    hub.close()


@pytest.fixture
def connect(context, endpoints):
    links = []

    def _connect(identity):
        links.append(Link(context, endpoints[0], identity))
        return links[-1]

    yield _connect
    for link in links:
        link.close(hub_listens=False)


def arrived(hub, count):
    got = []
    while len(got) < count:
        before = len(got)
        hub.wait(WAIT_MS)
        got += hub.receive()
        assert len(got) > before, f"nothing came within {WAIT_MS} ms"
    return got


def test_a_message_and_its_pixels_arrive_with_the_senders_name(hub, connect):
    connect("reader/a#0").send(Hello("reader", "a", 1), b"pixels")
    assert arrived(hub, 1) == [Received("reader/a#0", Hello("reader", "a", 1), b"pixels")]


def test_the_hub_answers_each_by_name(hub, connect):
    links = {name: connect(name) for name in ("x", "y")}
    for link in links.values():
        link.send(Fatal("x"))
    arrived(hub, 2)
    assert hub.send("x", Credit(3))
    assert hub.send("y", Stop(), b"z")
    assert links["x"].receive(WAIT_MS) == (Credit(3), b"")
    assert links["y"].receive(WAIT_MS) == (Stop(), b"z")


def test_sending_to_nobody_is_noticed(hub):
    assert hub.send("worker/0#9", Stop()) is False


def test_waiting_in_vain_ends(connect):
    assert connect("x").receive(10) is None
    assert connect("y").receive(0) is None


@pytest.mark.parametrize("parts", [[b"\xc1", b""], [b""], [b"a", b"b", b"c"], [b"\x00" * 100, b""]])
def test_a_malformed_message_is_refused_and_the_next_one_is_not(
    hub, connect, context, endpoints, parts
):
    stranger = context.socket(zmq.DEALER)
    stranger.connect(endpoints[0])
    try:
        stranger.send_multipart(parts)
        (refused,) = arrived(hub, 1)
        assert isinstance(refused, PeerError)
        assert hub.refused == 1
        connect("x").send(Fatal("x"))
        assert [got.message for got in arrived(hub, 1)] == [Fatal("x")]
    finally:
        stranger.close(linger=0)


def test_what_the_hub_sends_is_checked_too(hub, connect, caplog):
    link = connect("x")
    link.send(Fatal("x"))
    arrived(hub, 1)
    for parts in ([encode(Fatal("x")), b""], [b"\xc1", b""], [encode(Stop())]):
        hub._children.socket.send_multipart([b"x", *parts])
    assert hub.send("x", Credit(3))
    assert link.receive(WAIT_MS) == (Credit(3), b"")
    assert link.refused == 3
    link.close(hub_listens=False)
    assert [record.getMessage() for record in caplog.records] == [
        "refused a message of the hub: message header: Invalid value 'Fatal' - at `$[0]`",
        "refused 3 messages of the hub in all",
    ]


def test_a_slow_monitor_sees_the_newest_snapshot(hub, context, endpoints):
    feed = SnapshotFeed(context, endpoints[1])
    try:
        first = None
        while first is None:  # until the subscription has reached the publisher
            hub.publish(sample_snapshot(regions=0))
            first = feed.newest(20)
        for number in range(1, 6):
            hub.publish(sample_snapshot(regions=number))
        last = first
        while last.regions < 5:
            newer = feed.newest(WAIT_MS)
            assert newer is not None
            assert newer.regions >= last.regions
            last = newer
    finally:
        feed.close()


def test_a_snapshot_survives_the_wire():
    snapshot = sample_snapshot(regions=3)
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x80", b"\x91\x01"])
def test_a_broken_snapshot_is_refused(body):
    with pytest.raises(PeerError, match="snapshot"):
        decode_snapshot(body)


@pytest.mark.parametrize("name", ["hub", "control", "telemetry"])
@pytest.mark.parametrize(
    "greeting",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x01\x00" * 64,  # a whole message of ZMTP 1
        b"\xff" + bytes(8) + b"\x7f\x00" + b"\x01\x00" * 26,  # a greeting of ZMTP 1
        b"\xff" + bytes(8) + b"\x7f" + b"\x01" * 54,  # a greeting of ZMTP 2
    ],
    ids=["http", "noise", "zmtp1", "zmtp2"],
)
def test_who_does_not_speak_our_protocol_is_hung_up_on(context, tmp_path, name, greeting):
    # libzmq would take such bytes for messages, and abort if it reads them while it is closed.
    at = {each: f"ipc://{tmp_path}/{each}" for each in ("hub", "control", "telemetry")}
    hub = HubSocket(context, at["hub"], [at["telemetry"]], at["control"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.settimeout(WAIT_MS / 1e3)
        stranger.connect(str(tmp_path / name))
        stranger.sendall(greeting)
        while _heard(stranger):
            pass  # the greeting that everybody gets
    assert hub.refused == 0
    assert list(hub.receive()) == []
    hub.close()


def _heard(stranger):
    try:
        return stranger.recv(4_096)
    except ConnectionResetError:
        return b""
