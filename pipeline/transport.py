"""The only module that imports zmq: the hub's socket, a child's link to it, and telemetry.

One ROUTER in the hub (mandatory routing, so a lost peer is an error and not silence), DEALERs
elsewhere. What is queued is bounded by the hub's credits; the high-water marks are a second wall.
A pyzmq socket belongs to the thread that made it: build these objects where they are used.
"""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import msgpack
import msgspec
import zmq

from pipeline.errors import PeerError
from pipeline.messages import (
    MAX_BLOB_BYTES,
    MAX_HEADER_BYTES,
    ChildMessage,
    HubMessage,
    decode_from_child,
    decode_from_hub,
    encode,
)
from pipeline.one_line import one_line
from pipeline.snapshot import Snapshot, require_sound

Context = zmq.Context[zmq.Socket[bytes]]
_GOODBYE_MS = 2_000
"""How long a last message may take."""
_HIGH_WATER = 2_000
"""Messages; far above what credits allow."""
_BURST = 512
"""Messages taken from a socket before other work gets its turn."""

log = logging.getLogger(__name__)


def new_context() -> Context:
    """A context of one's own; threads mode shares it, a process makes it after it has started."""
    return zmq.Context()


@dataclass(frozen=True, slots=True)
class Received:
    """A checked message and where it came from."""

    peer: str
    message: ChildMessage
    blob: bytes


class HubSocket:
    """The hub's end: receives from all children, sends to each by name, publishes snapshots."""

    def __init__(self, context: Context, endpoint: str, telemetry_endpoint: str) -> None:
        self._router = _socket(context, zmq.ROUTER)
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._router.bind(endpoint)
        self._publisher = _socket(context, zmq.PUB)
        self._publisher.setsockopt(zmq.SNDHWM, 10)
        self._publisher.bind(telemetry_endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._router, zmq.POLLIN)
        self.refused = 0
        """Malformed messages so far."""

    def watch(self, descriptor: int) -> None:
        """Wake `wait` when this file descriptor can be read."""
        self._poller.register(descriptor, zmq.POLLIN)

    def unwatch(self, descriptor: int) -> None:
        """Forget a file descriptor."""
        with contextlib.suppress(KeyError):
            self._poller.unregister(descriptor)

    def wait(self, timeout_ms: int) -> set[int]:
        """Sleep until a message or a watched descriptor is ready; returns the ready descriptors."""
        ready = self._poller.poll(timeout_ms)
        return {which for which, _ in ready if isinstance(which, int)}

    def receive(self) -> Iterator[Received | PeerError]:
        """What has arrived, up to a burst; a malformed message comes out as its `PeerError`."""
        for _ in range(_BURST):
            try:
                parts = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                yield _from_child(parts)
            except PeerError as error:
                self.refused += 1
                yield error

    def send(self, peer: str, message: HubMessage, blob: bytes = b"") -> bool:
        """Send to one child; False when it is gone or has stopped reading."""
        try:
            self._router.send_multipart([peer.encode(), encode(message), blob], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno in {zmq.EHOSTUNREACH, zmq.EAGAIN}:
                return False
            raise
        return True

    def publish(self, snapshot: Snapshot) -> None:
        """Hand a whole snapshot to whoever listens."""
        self._publisher.send(encode_snapshot(snapshot), zmq.NOBLOCK)

    def close(self) -> None:
        """Close both sockets at once; every goodbye that matters has been acknowledged."""
        self._router.close(linger=0)
        self._publisher.close(linger=0)


class Link:
    """A child's end of the connection to the hub."""

    def __init__(self, context: Context, endpoint: str, identity: str) -> None:
        self._dealer = _socket(context, zmq.DEALER)
        self._dealer.setsockopt(zmq.IDENTITY, identity.encode())
        self._dealer.connect(endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._dealer, zmq.POLLIN)
        self.refused = 0
        """Messages that could not be accepted so far."""

    def watch(self, descriptor: int) -> None:
        """Wake `receive` when this file descriptor can be read."""
        self._poller.register(descriptor, zmq.POLLIN)

    def send(self, message: ChildMessage, blob: bytes | memoryview = b"") -> None:
        """Send to the hub; waits only if the hub has stopped reading."""
        self._dealer.send_multipart([encode(message), blob])

    def receive(self, timeout_ms: int) -> tuple[HubMessage, bytes] | None:
        """The next message, or None after the time or when a watched descriptor woke the wait.

        What this version does not understand is refused; None may then come before the time.
        """
        received = self._take()
        if received is None and timeout_ms:
            self._poller.poll(timeout_ms)
            received = self._take()
        return received

    def refuse(self, error: PeerError) -> None:
        """Count a message that cannot be obeyed; the first is logged, and their number at the end.

        The child goes on: whoever waits for what that message asked for has a deadline.
        """
        self.refused += 1
        if self.refused == 1:
            log.warning("refused a message of the hub: %s", one_line(str(error)))

    def _take(self) -> tuple[HubMessage, bytes] | None:
        for _ in range(_BURST):
            try:
                parts = self._dealer.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return None
            try:
                return _from_hub(parts)
            except PeerError as error:
                self.refuse(error)
        return None

    def close(self, *, hub_listens: bool = True) -> None:
        """Close; what was sent last is still delivered if there is a hub to take it."""
        if self.refused > 1:
            log.warning("refused %d messages of the hub in all", self.refused)
        self._dealer.close(linger=_GOODBYE_MS if hub_listens else 0)


class SnapshotFeed:
    """Receives published snapshots; only the newest matters."""

    def __init__(self, context: Context, endpoint: str) -> None:
        self._subscriber = _socket(context, zmq.SUB)
        self._subscriber.setsockopt(zmq.SUBSCRIBE, b"")
        self._subscriber.connect(endpoint)
        self.refused = 0
        """Messages that were no snapshot so far."""

    def newest(self, timeout_ms: int) -> Snapshot | None:
        """The newest snapshot that arrived within the time, else None; others are refused."""
        if not self._subscriber.poll(timeout_ms):
            return None
        body = b""
        with contextlib.suppress(zmq.Again):
            for _ in range(_BURST):
                body = self._subscriber.recv(zmq.NOBLOCK)
        try:
            return decode_snapshot(body)
        except PeerError as error:
            self.refused += 1
            if self.refused == 1:
                log.warning("refused a message of the telemetry: %s", one_line(str(error)))
            return None

    def close(self) -> None:
        """Stop listening."""
        self._subscriber.close(linger=0)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """A snapshot as MessagePack."""
    return bytes(msgpack.packb(msgspec.to_builtins(snapshot)))


def decode_snapshot(body: bytes) -> Snapshot:
    """Read a published snapshot.

    Raises:
        PeerError: It is not a snapshot of this version, or not of any run that can be.
    """
    try:
        snapshot = _SNAPSHOT.decode(body)
        require_sound(snapshot)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise PeerError(f"snapshot: {error}") from error
    return snapshot


_SNAPSHOT = msgspec.msgpack.Decoder(Snapshot)


def _from_child(parts: list[bytes]) -> Received:
    if len(parts) != 3:
        raise PeerError(f"message: expected a name, header and blob, got {len(parts)} parts")
    try:
        peer = parts[0].decode("ascii")
    except UnicodeDecodeError as error:
        raise PeerError("message: sender's name is not ASCII") from error
    if not peer.isprintable():  # it would be written to logs and terminals
        raise PeerError("message: sender's name is not printable")
    return Received(peer, decode_from_child(parts[1]), parts[2])


def _from_hub(parts: list[bytes]) -> tuple[HubMessage, bytes]:
    if len(parts) != 2:
        raise PeerError(f"message: expected 2 parts, got {len(parts)}")
    return decode_from_hub(parts[0]), parts[1]


def _socket(context: Context, kind: int) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, _HIGH_WATER)
    socket.setsockopt(zmq.RCVHWM, _HIGH_WATER)
    socket.setsockopt(zmq.MAXMSGSIZE, max(MAX_HEADER_BYTES, MAX_BLOB_BYTES))
    return socket
