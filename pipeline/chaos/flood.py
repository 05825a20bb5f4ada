"""Strangers at a run's sockets: as much as they can send, no messages and forged ones."""

import contextlib
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgpack
import zmq

from pipeline import messages as m
from pipeline.chaos.fault import RunFault
from pipeline.chaos.scene import Scene
from pipeline.chaos.schedule import Strike
from pipeline.chaos.stages import Stage
from pipeline.supervisor.plan import RunPlan
from pipeline.transport import new_context, new_socket

_SOCKETS: Final = ("hub", "control", "telemetry")
_AT_ONCE: Final = 200
_STRANGERS: Final = 8
_RAW: Final = 4
"""Connections that do not even speak ZeroMQ."""


class Flood(RunFault):
    """Garbage and forged messages at full speed, at every socket of the run."""

    kind = "flood"
    text = "sockets flooded with garbage and forged messages"

    def seconds(self, plan: RunPlan, stage: Stage | None) -> tuple[float, float]:
        return (1.0, 3.0)

    def strike(self, scene: Scene, strike: Strike) -> str:
        chance = random.Random(strike.seed)
        names = [source.name for source in scene.snapshot.sources] if scene.snapshot else []
        forged = list(_forged(chance, names))
        sent = 0
        deadline_s = time.monotonic() + strike.seconds
        with _strangers(scene.folder, chance) as senders:
            while time.monotonic() < deadline_s:
                for _ in range(_AT_ONCE):
                    send = chance.choice(senders)
                    sent += send(chance.choice(forged))
                scene.wait(0)
        return f"{sent:,} messages"


def _forged(chance: random.Random, sources: list[str]) -> Iterator[list[bytes]]:
    """Parts of messages: noise, valid ones of nobody, and valid ones that are cut or turned."""
    frames = [m.FrameHeader(1, 0.04, 1, 1, 1.0, [m.RegionHeader((0, 0, 4, 4))])]
    counters = m.Counters(1)
    bodies = [m.encode(m.Hello("worker", "0", 1)), m.encode(m.SinkAck(5, 5))]
    for name in sources:
        bodies.append(m.encode(m.Hello("reader", name, 1)))
        bodies.append(m.encode(m.Frames(name, frames, counters)))
        bodies.append(m.encode(m.ReaderStatus(name, counters, "running", 0)))
        bodies.append(m.encode(m.SourceEnded(name, "complete", counters)))
    for body in bodies:
        yield [body, b""]
        yield [body, b"\x07" * 3_072]
        yield [body[: chance.randrange(len(body))], b""]
        turned = bytearray(body)
        turned[chance.randrange(len(turned))] ^= 1 << chance.randrange(8)
        yield [bytes(turned), b""]
    for size in (0, 1, 10, 1_000, 100_000):
        yield [chance.randbytes(size)] * chance.randint(1, 4)
    yield [bytes(msgpack.packb([[0] * 500] * 20)), b""]


@contextlib.contextmanager
def _strangers(
    folder: Path, chance: random.Random
) -> Iterator[list[Callable[[list[bytes]], bool]]]:
    """Ways to send to a run's sockets; each says whether it took the message."""
    context = new_context()
    senders: list[Callable[[list[bytes]], bool]] = []
    raw: list[socket.socket] = []
    try:
        for number in range(_STRANGERS):
            dealer = new_socket(context, zmq.DEALER)
            if number % 2:
                dealer.setsockopt(zmq.IDENTITY, f"reader/nobody{number}#{chance.random()}".encode())
            dealer.connect(f"ipc://{folder / _SOCKETS[number % 2]}")
            senders.append(_zmq_sender(dealer))
        for number in range(_RAW):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            raw.append(connection)
            connection.setblocking(False)
            connection.connect(str(folder / _SOCKETS[number % 3]))
            senders.append(_raw_sender(connection))
        yield senders
    finally:
        for connection in raw:
            connection.close()
        context.destroy(linger=0)


def _zmq_sender(dealer: "zmq.Socket[bytes]") -> Callable[[list[bytes]], bool]:
    def send(parts: list[bytes]) -> bool:
        try:
            dealer.send_multipart(parts, zmq.NOBLOCK)
        except zmq.Again:
            return False  # it is not taken as fast as it comes
        return True

    return send


def _raw_sender(connection: socket.socket) -> Callable[[list[bytes]], bool]:
    def send(parts: list[bytes]) -> bool:
        try:
            return connection.send(b"".join(parts)) > 0
        except OSError:
            return False  # it hung up on us, or takes no more

    return send
