"""Messages that are sent as one."""

import pytest
import zmq

from pipeline.errors import PeerError
from pipeline.messages import Fatal, Hello, encode
from pipeline.transport import HubSocket, Link, Received, new_context

WAIT_MS = 5_000


@pytest.fixture
def context():
    context = new_context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def hub(context):
    hub = HubSocket(context, "inproc://hub", "inproc://telemetry")
    yield hub
    hub.close()


def received(hub):
    hub.wait(WAIT_MS)
    return list(hub.receive())


def test_they_arrive_one_by_one_in_order_each_with_its_pixels(context, hub):
    link = Link(context, "inproc://hub", "reader/a#0")
    messages = [(Hello("reader", "a", number), b"%d" % number) for number in range(3)]
    link.send_together(messages)
    try:
        assert received(hub) == [Received("reader/a#0", *pair) for pair in messages]
    finally:
        link.close(hub_listens=False)


def test_those_before_a_malformed_one_count_and_the_rest_is_refused_once(context, hub):
    peer = context.socket(zmq.DEALER)
    peer.setsockopt(zmq.IDENTITY, b"x")
    peer.connect("inproc://hub")
    peer.send_multipart([encode(Fatal("1")), b"", b"\xc1", b"", encode(Fatal("2")), b""])
    try:
        first, refused = received(hub)
        assert first == Received("x", Fatal("1"), b"")
        assert isinstance(refused, PeerError)
        assert hub.refused == 1
    finally:
        peer.close(linger=0)
