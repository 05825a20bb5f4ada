"""What travels: round trips, and refusal of everything else."""

import random
from typing import get_args

import msgpack
import pytest

from pipeline import messages as m
from pipeline.errors import PeerError

FROM_CHILD = [
    m.Hello("reader", "a", 1),
    m.Frames(
        "a",
        [m.FrameHeader(1, 0.5, 2, 3, 1.5, [m.RegionHeader((0, 0, 1, 1), "gate", 3)], 4)],
        m.Counters(2),
    ),
    m.ReaderStatus("a", m.Counters(5, {"latest": 2}, 1, 1), "running", 2),
    m.SourceEnded("a", "complete", m.Counters(9)),
    m.BatchDone(3, [m.RegionResult(1, 0.5, 2, 0.3, 40, 2, 0.9)], 1.5, 1.0),
    m.SinkAck(4, 100, 2),
    m.Closed(9, 2),
    m.Fatal("no such file"),
    m.Join("gate", "a1b2", live=True),
    m.Ping(7),
    m.Leave(),
]
FROM_HUB = [
    m.Credit(8, 3),
    m.EndConfirmed(),
    m.PolicyBody(1, {"kind": "fixed", "thresholds": [0.5, None]}),
    m.Batch(7, 1, 3, [1]),
    m.Records(5, [{"frame": 1, "latency_ms": {"total": 1.5}}]),
    m.CloseSink(9),
    m.Stop(),
    m.Assignment({"input_size": [32, 32]}, 10.0),
    m.TurnedAway("source gate has another reader", "busy"),
    m.Pong(7, 9),
]


def test_every_kind_of_message_is_covered():
    assert {type(x) for x in FROM_CHILD} == set(get_args(m.ChildMessage))
    assert {type(x) for x in FROM_HUB} == set(get_args(m.HubMessage))


@pytest.mark.parametrize("message", FROM_CHILD, ids=lambda x: type(x).__name__)
def test_a_childs_message_survives_the_wire(message):
    assert m.decode_from_child(m.encode(message)) == message


@pytest.mark.parametrize("message", FROM_HUB, ids=lambda x: type(x).__name__)
def test_the_hubs_message_survives_the_wire(message):
    assert m.decode_from_hub(m.encode(message)) == message


@pytest.mark.parametrize(
    ("header", "match"),
    [
        (b"", "message header"),
        (b"\xc1", "message header"),
        (b"\x00" * 10, "message header"),
        (msgpack.packb(["Nonsense", 1]), "Nonsense"),
        (msgpack.packb(["Hello", 1, 2, 3]), "message header"),
        (msgpack.packb(["Credit", 1]), "Credit"),
        (msgpack.packb(["SinkAck", "1", 2]), r"expected `int`, got `str`|Expected `int`"),
        (b"\x00" * (m.MAX_HEADER_BYTES + 1), "bytes allowed"),
        (msgpack.packb(msgpack.ExtType(1, b"x")), "message header"),
    ],
)
def test_anything_else_from_a_child_is_refused(header, match):
    with pytest.raises(PeerError, match=match):
        m.decode_from_child(header)


def test_a_reader_is_in_one_of_the_states_that_a_screen_knows():
    with pytest.raises(PeerError, match="Invalid enum value 'fine'"):
        m.decode_from_child(m.encode(m.ReaderStatus("a", m.Counters(), "fine", 0)))


def test_mutated_messages_are_refused_or_fit_the_schema():
    rng = random.Random(1)
    decoded = 0
    for _ in range(3_000):
        header = bytearray(m.encode(rng.choice(FROM_CHILD)))
        for _ in range(rng.randint(1, 4)):
            header[rng.randrange(len(header))] = rng.randrange(256)
        try:
            message = m.decode_from_child(bytes(header))
        except PeerError:
            continue
        decoded += 1
        assert isinstance(message, get_args(m.ChildMessage))
    assert decoded > 0
