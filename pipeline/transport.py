"""The hub's socket, a child's link to it, and telemetry: zmq is imported here.

Nobody else imports it but `curve` and `remote_transport`, which add what another host needs.

One ROUTER in the hub (mandatory routing, so a lost peer is an error and not silence), DEALERs
elsewhere. What is queued is bounded by the hub's credits; the high-water marks are a second wall.
A pyzmq socket belongs to the thread that made it: build these objects where they are used.
"""

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgpack
import msgspec
import zmq

from pipeline.commands import (
    AnyCommand,
    Reply,
    Request,
    decode_reply,
    decode_request,
    encode_command,
)
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
_DOMAIN = b"run"
"""Any name will do; see `_new_listener`."""
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, and whom to answer."""

    peer: bytes
    request: Request


class Router:
    """A socket that peers connect to, each with a name that it chose.

    Args:
        context: ZeroMQ context.
        prefix: Put before the names of its peers, so that they are nobody else's.
    """

    def __init__(self, context: Context, prefix: str = "") -> None:
        self.prefix = prefix
        self.socket = _new_listener(context, zmq.ROUTER)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)

    @property
    def sockets(self) -> list[zmq.Socket[bytes]]:
        """Those to wait for."""
        return [self.socket]

    def receive(self) -> Iterator[Received | PeerError]:
        """What has arrived, up to a burst; a malformed message comes out as its `PeerError`."""
        for _ in range(_BURST):
            try:
                parts = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                yield _from_child(parts, self.prefix)
            except PeerError as error:
                yield error

    def send(self, peer: str, message: HubMessage, blob: bytes = b"") -> bool:
        """Send to one peer; False when it is gone or has stopped reading."""
        name = peer.removeprefix(self.prefix).encode()
        try:
            self.socket.send_multipart([name, encode(message), blob], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno in {zmq.EHOSTUNREACH, zmq.EAGAIN}:
                return False
            raise
        return True

    def close(self) -> None:
        """Close at once."""
        self.socket.close(linger=0)


class HubSocket:
    """The hub's end: receives from all children, sends to each by name, publishes snapshots.

    Args:
        context: Whose sockets these are.
        endpoint: Where children connect.
        telemetry_endpoints: Where snapshots are published.
        control_endpoint: Where commands arrive.
        door: Where peers on other hosts connect; it is closed with this socket.
    """

    def __init__(
        self,
        context: Context,
        endpoint: str,
        telemetry_endpoints: Sequence[str],
        control_endpoint: str,
        door: Router | None = None,
    ) -> None:
        self._children = Router(context)
        self._children.socket.bind(endpoint)
        self._door = door
        self._publisher = _new_listener(context, zmq.PUB)
        self._publisher.setsockopt(zmq.SNDHWM, 10)
        for each in telemetry_endpoints:
            self._publisher.bind(each)
        self._control = _new_listener(context, zmq.ROUTER)
        self._control.bind(control_endpoint)
        self._poller = zmq.Poller()
        sockets = [socket for router in self._routers for socket in router.sockets]
        for socket in (*sockets, self._control):
            self._poller.register(socket, zmq.POLLIN)
        self.refused = 0
        """Malformed messages so far."""

    @property
    def _routers(self) -> list[Router]:
        return [self._children] if self._door is None else [self._children, self._door]

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
        for router in self._routers:
            for received in router.receive():
                self.refused += isinstance(received, PeerError)
                yield received

    def commands(self) -> Iterator[Asked | PeerError]:
        """What has been asked; what is no command comes out as its `PeerError`."""
        for _ in range(_BURST):
            try:
                parts = self._control.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                yield _asked(parts)
            except PeerError as error:
                self.refused += 1
                yield error

    def reply(self, asked: Asked, *, ok: bool, text: str) -> None:
        """Answer a command; whoever has left gets nothing."""
        reply = Reply(asked.request.number, ok, text)
        with contextlib.suppress(zmq.Again):
            self._control.send_multipart([asked.peer, encode_command(reply)], zmq.NOBLOCK)

    def send(self, peer: str, message: HubMessage, blob: bytes = b"") -> bool:
        """Send to one peer; False when it is gone or has stopped reading."""
        if self._door is not None and peer.startswith(self._door.prefix):
            return self._door.send(peer, message, blob)
        return self._children.send(peer, message, blob)

    def publish(self, snapshot: Snapshot) -> None:
        """Hand a whole snapshot to whoever listens."""
        self._publisher.send(encode_snapshot(snapshot), zmq.NOBLOCK)

    def close(self) -> None:
        """Close at once; every goodbye that matters has been acknowledged."""
        for router in self._routers:
            router.close()
        self._control.close(linger=0)
        self._publisher.close(linger=0)


class Link:
    """A child's end of the connection to the hub."""

    def __init__(self, context: Context, endpoint: str, identity: str) -> None:
        self._dealer = new_socket(context, zmq.DEALER)
        self._dealer.setsockopt(zmq.IDENTITY, identity.encode())
        self._prepare(self._dealer)
        self._dealer.connect(endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._dealer, zmq.POLLIN)
        self.refused = 0
        """Messages that could not be accepted so far."""

    def _prepare(self, dealer: zmq.Socket[bytes]) -> None:
        """Set what must be set before it connects."""

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
        self._subscriber = new_socket(context, zmq.SUB)
        self._subscriber.setsockopt(zmq.SUBSCRIBE, b"")
        self._subscriber.connect(endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._subscriber, zmq.POLLIN)
        self.refused = 0
        """Messages that were no snapshot so far."""

    def watch(self, descriptor: int) -> None:
        """Wake `newest` when this file descriptor can be read."""
        self._poller.register(descriptor, zmq.POLLIN)

    def newest(self, timeout_ms: int) -> Snapshot | None:
        """The newest snapshot that arrived; None after the time, or when a descriptor woke it.

        What is no snapshot is refused.
        """
        self._poller.poll(timeout_ms)
        if not self._subscriber.poll(0):
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


class ControlClient:
    """Asks a running pipeline to do something."""

    def __init__(self, context: Context, endpoint: str) -> None:
        self._dealer = new_socket(context, zmq.DEALER)
        self._dealer.connect(endpoint)
        self._asked = 0

    def ask(self, command: AnyCommand, timeout_ms: int = 2_000) -> Reply:
        """Send a command and wait for its reply.

        Raises:
            PeerError: none came within the time.
        """
        self._asked += 1
        with contextlib.suppress(zmq.Again):  # then nobody answers either
            self._dealer.send(encode_command(Request(self._asked, command)), zmq.NOBLOCK)
        deadline_s = time.monotonic() + timeout_ms / 1e3
        while (left_s := deadline_s - time.monotonic()) > 0:
            if not self._dealer.poll(max(1, round(left_s * 1e3))):
                break
            reply = decode_reply(self._dealer.recv(zmq.NOBLOCK))
            if reply.number == self._asked:  # a late one answers what was given up
                return reply
        raise PeerError(f"no answer from the run within {timeout_ms / 1e3:g} s")

    def close(self) -> None:
        """Ask no more."""
        self._dealer.close(linger=0)


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


def _from_child(parts: list[bytes], prefix: str) -> Received:
    if len(parts) != 3:
        raise PeerError(f"message: expected a name, header and blob, got {len(parts)} parts")
    try:
        peer = parts[0].decode("ascii")
    except UnicodeDecodeError as error:
        raise PeerError("message: sender's name is not ASCII") from error
    if not peer.isprintable():  # it would be written to logs and terminals
        raise PeerError("message: sender's name is not printable")
    return Received(prefix + peer, decode_from_child(parts[1]), parts[2])


def _from_hub(parts: list[bytes]) -> tuple[HubMessage, bytes]:
    if len(parts) != 2:
        raise PeerError(f"message: expected 2 parts, got {len(parts)}")
    return decode_from_hub(parts[0]), parts[1]


def _asked(parts: list[bytes]) -> Asked:
    if len(parts) != 2:
        raise PeerError(f"command: expected a sender and a body, got {len(parts)} parts")
    return Asked(parts[0], decode_request(parts[1]))


def _new_listener(context: Context, kind: int) -> zmq.Socket[bytes]:
    """A socket that strangers can reach: whoever does not speak ZMTP 3 is hung up on.

    Otherwise libzmq takes bytes that are no greeting at all for a message of its first protocol,
    and aborts the process (`zmtp_engine.cpp`, `process_routing_id_msg`) where that is read while
    the socket is being closed. The domain itself asks nothing of a peer where nothing answers for
    it, and what answers at the door does so in a context of its own.
    """
    socket = new_socket(context, kind)
    socket.setsockopt(zmq.ZAP_DOMAIN, _DOMAIN)
    return socket


def new_socket(context: Context, kind: int) -> zmq.Socket[bytes]:
    """A socket with the limits that all of ours have."""
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, _HIGH_WATER)
    socket.setsockopt(zmq.RCVHWM, _HIGH_WATER)
    socket.setsockopt(zmq.MAXMSGSIZE, max(MAX_HEADER_BYTES, MAX_BLOB_BYTES))
    return socket
