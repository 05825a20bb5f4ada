"""Both ends of the connection between a hub and readers on other hosts.

One connection is one incarnation of a reader: it is never mended. What travelled when it broke may
be lost in either direction, so its successor begins with what the hub says it has.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec
import zmq
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils.monitor import recv_monitor_message

from pipeline.curve import HubKeys, ReaderKeys
from pipeline.errors import ConfigError, PeerError, StageError
from pipeline.messages import (
    ChildMessage,
    Counters,
    Frames,
    HubMessage,
    Leave,
    Ping,
    Pong,
    ReaderStatus,
    SourceEnded,
)
from pipeline.one_line import one_line
from pipeline.transport import Context, Link, Received, Router, new_context

REMOTE: Final = "remote:"
"""Before the name of every peer that came through the door: none of them can be a worker."""
_PING_INTERVAL_S = 0.5
_CONNECT_TIMEOUT_MS = 5_000
_SEND_TIMEOUT_MS = 2_000
"""Credits bound what is queued, so a socket that takes nothing has no connection."""
_NEVER = -1
_PONGS_KEPT = 16
_SETTLE_ANSWERS, _SETTLE_MS = 5, 100
"""One answer may have waited for a hub that was busy; the fastest of a few did not."""
_REFUSALS: Final = frozenset(
    {
        zmq.Event.HANDSHAKE_FAILED_AUTH,
        zmq.Event.HANDSHAKE_FAILED_PROTOCOL,
        zmq.Event.HANDSHAKE_FAILED_NO_DETAIL,
    }
)

log = logging.getLogger(__name__)


class HubLostError(StageError):
    """The connection to the hub has ended; another one may be tried."""


class Door(Router):
    """Where readers on other hosts connect.

    Its context is its own: what authenticates clients answers for all sockets of a context, and
    nothing that strangers do to it may keep this host's processes out.

    Args:
        address: `tcp://HOST:PORT`; port 0 takes a free one.
        keys: None lets everybody in, which is only right where nobody else can connect.
        timeout_s: A connection that has been silent for so long is closed.

    Raises:
        ConfigError: The address is taken or not of this host.
    """

    def __init__(self, address: str, keys: HubKeys | None, *, timeout_s: float) -> None:
        self._context = new_context()
        super().__init__(self._context, REMOTE)
        self.refused_clients = 0
        """Handshakes that failed so far: no key, one that is not known, or no ZeroMQ at all."""
        self._authenticator: ThreadAuthenticator | None = None
        if keys is not None:
            self._lock(keys)
        # Otherwise hosts that were switched off would leave their connections here for ever.
        self.socket.setsockopt(zmq.HEARTBEAT_IVL, int(timeout_s * 1e3))
        self.socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, int(3 * timeout_s * 1e3))
        _speak_ipv6_to(self.socket, address)
        self._events = self.socket.get_monitor_socket(sum(_REFUSALS))
        try:
            self.socket.bind(address)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(
                f"listen.address: cannot listen at {address}: {zmq.strerror(error.errno or 0)}"
            ) from error
        self.address = self.socket.get_string(zmq.LAST_ENDPOINT)

    def _lock(self, keys: HubKeys) -> None:
        self._authenticator = ThreadAuthenticator(self._context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback("hub", _KeyRing(keys))
        self.socket.zap_domain = b"hub"
        self.socket.curve_server = True
        self.socket.curve_publickey = keys.own.public
        self.socket.curve_secretkey = keys.own.secret

    @property
    def sockets(self) -> list[zmq.Socket[bytes]]:
        """Those to wait for: failed handshakes are heard of, too."""
        return [self.socket, self._events]

    def receive(self) -> Iterator[Received | PeerError]:
        """What has arrived, up to a burst; handshakes that failed are counted."""
        while self._events.poll(0):
            recv_monitor_message(self._events)
            self.refused_clients += 1
        yield from super().receive()

    def close(self) -> None:
        """Close at once, and let nobody in any more."""
        self.socket.disable_monitor()
        self._events.close(linger=0)
        super().close()
        if self._authenticator is not None:
            _stop(self._authenticator)
        self._context.destroy(linger=0)


def _stop(authenticator: ThreadAuthenticator) -> None:
    """Its own `stop` would wait for ever for a thread that has died to take its message."""
    if not authenticator.is_alive():
        authenticator.pipe.close(linger=0)
        authenticator.pipe = None  # type: ignore[assignment]  # as `stop` leaves it
    authenticator.stop()


class _KeyRing:
    """What the authenticator asks for every client; its thread ends with whatever is raised."""

    def __init__(self, keys: HubKeys) -> None:
        self._keys = keys
        self._has_told = False

    def callback(self, _domain: str, key: bytes) -> bool:
        try:
            return self._keys.admits(key)
        except Exception as error:  # noqa: BLE001  # too many files are open, say
            if not self._has_told:
                self._has_told = True
                log.warning(
                    "listen: %s cannot be read (%s); nobody comes in until it can",
                    self._keys.readers,
                    one_line(str(getattr(error, "strerror", None) or error)),
                )
            return False


class Clock:
    """How far the hub's monotonic clock is ahead of ours, from pings there and back.

    The answer to the fastest of the last few is off by half of its way at most.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=_PONGS_KEPT)
        self.ahead_ns = 0

    @property
    def num_answers(self) -> int:
        """Those that count; without one, nothing is known."""
        return len(self._seen)

    def learn(self, pong: Pong, now_ns: int) -> None:
        """Take an answer that arrived now."""
        middle_ns = (pong.sent_ns + now_ns) // 2
        self._seen.append((now_ns - pong.sent_ns, pong.hub_ns - middle_ns))
        self.ahead_ns = min(self._seen)[1]


class RemoteLink(Link):
    """A reader's end: pings, notices that the hub is gone, tells times by the hub's clock.

    Args:
        context: ZeroMQ context.
        address: The hub's door.
        identity: Used by no other connection, before or after.
        keys: None where the hub has none either.
    """

    def __init__(
        self, context: Context, address: str, identity: str, keys: ReaderKeys | None
    ) -> None:
        self._keys = keys
        self._address = address
        self.timeout_s: float | None = None
        """The hub is gone when nothing was heard for so long; None does not ping yet."""
        self.ended: SourceEnded | None = None
        """The end of the source, once it was sent."""
        self.account: Counters | None = None
        """What the hub was told last of frames."""
        self._clock = Clock()
        self._heard_s = time.monotonic()
        self._ping_due_s = 0.0
        super().__init__(context, address, identity)

    def _prepare(self, dealer: zmq.Socket[bytes]) -> None:
        dealer.setsockopt(zmq.RECONNECT_IVL, _NEVER)
        dealer.setsockopt(zmq.CONNECT_TIMEOUT, _CONNECT_TIMEOUT_MS)
        dealer.setsockopt(zmq.SNDTIMEO, _SEND_TIMEOUT_MS)
        _speak_ipv6_to(dealer, self._address)
        if self._keys is not None:
            dealer.curve_serverkey = self._keys.hub_public
            dealer.curve_publickey = self._keys.own.public
            dealer.curve_secretkey = self._keys.own.secret
        self._events = dealer.get_monitor_socket(
            sum(_REFUSALS) | zmq.Event.DISCONNECTED | zmq.Event.CLOSED
        )

    def send(self, message: ChildMessage, blob: bytes | memoryview = b"") -> None:
        """Send to the hub.

        Raises:
            HubLostError: It cannot be sent.
        """
        if isinstance(message, Frames):
            message = by_the_hubs_clock(message, self._clock.ahead_ns)
        elif isinstance(message, SourceEnded):
            self.ended = message
        self._send(message, blob)
        if isinstance(message, Frames | ReaderStatus):
            self.account = message.counters

    def receive(self, timeout_ms: int) -> tuple[HubMessage, bytes] | None:
        """As for any child.

        Raises:
            HubLostError: The connection has ended, or nothing was heard for too long.
        """
        self._ping()
        received = super().receive(timeout_ms)
        while received is not None:
            self._heard_s = time.monotonic()
            if not isinstance(received[0], Pong):
                return received
            self._clock.learn(received[0], time.monotonic_ns())
            received = super().receive(0)
        self._check()
        return None

    @property
    def ahead_ns(self) -> int:
        """How far the hub's monotonic clock is ahead of ours; see `settle_clock`."""
        return self._clock.ahead_ns

    def settle_clock(self, timeout_s: float, stopping: threading.Event) -> None:
        """Ping until times can be told by the hub's clock; nothing else is awaited yet.

        Args:
            timeout_s: Within which the hub must answer once; after it, so many answers do.
            stopping: Ends the wait.

        Raises:
            HubLostError: There is no answer.
        """
        deadline_s = time.monotonic() + timeout_s
        answers = 0
        while answers < _SETTLE_ANSWERS and not stopping.is_set():
            self.receive(_SETTLE_MS)
            if self._clock.num_answers > answers:
                answers, self._ping_due_s = self._clock.num_answers, 0.0
            if time.monotonic() > deadline_s:
                if not answers:
                    raise HubLostError("it answers no ping")
                return

    def leave(self) -> None:
        """Say goodbye, if anybody listens, and close."""
        hub_listens = False
        try:
            self.send(Leave())
            hub_listens = True
        except HubLostError:
            pass  # nobody to say it to
        finally:
            self.close(hub_listens=hub_listens)

    def close(self, *, hub_listens: bool = True) -> None:
        """Close; what was sent last is still delivered if there is a hub to take it."""
        self._dealer.disable_monitor()
        self._events.close(linger=0)
        super().close(hub_listens=hub_listens)

    def _ping(self) -> None:
        now_s = time.monotonic()
        if self.timeout_s is not None and now_s >= self._ping_due_s:
            self._ping_due_s = now_s + _PING_INTERVAL_S
            self._send(Ping(time.monotonic_ns()))

    def _send(self, message: ChildMessage, blob: bytes | memoryview = b"") -> None:
        try:
            super().send(message, blob)
        except zmq.Again:
            self._check()
            raise HubLostError("it takes nothing any more") from None

    def _check(self) -> None:
        if self._events.poll(0):
            event = recv_monitor_message(self._events)["event"]
            raise HubLostError(_words(zmq.Event(event), has_keys=self._keys is not None))
        silent_s = time.monotonic() - self._heard_s
        if self.timeout_s is not None and silent_s > self.timeout_s:
            raise HubLostError(f"nothing heard for {silent_s:.0f} s")


def _speak_ipv6_to(socket: zmq.Socket[bytes], address: str) -> None:
    """Only where the address is one: a name that has both kinds is looked up as before."""
    if address.startswith("tcp://["):
        socket.setsockopt(zmq.IPV6, 1)


def by_the_hubs_clock(message: Frames, ahead_ns: int) -> Frames:
    """Frames with the moment of their capture as the hub's monotonic clock tells it."""
    frames = [
        msgspec.structs.replace(frame, captured_mono_ns=frame.captured_mono_ns + ahead_ns)
        for frame in message.frames
    ]
    return msgspec.structs.replace(message, frames=frames)


def _words(event: zmq.Event, *, has_keys: bool) -> str:
    if event == zmq.Event.HANDSHAKE_FAILED_AUTH:
        return "it does not know this host's key; put its public half into `readers` of the hub"
    if event in _REFUSALS:
        mine = (
            "it has other keys than this host was given, or none" if has_keys else "it wants keys"
        )
        return f"no agreement on encryption: {mine}"
    return "the connection ended" if event == zmq.Event.DISCONNECTED else "nobody answers there"
