"""Readers on other hosts: admitted by name, one for each source, given up when they are silent."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipeline.errors import PeerError
from pipeline.messages import (
    SCHEMA_VERSION,
    Assignment,
    Frames,
    Hello,
    HubMessage,
    Join,
    Leave,
    Ping,
    Pong,
    ReaderStatus,
    SourceEnded,
    TurnedAway,
)
from pipeline.remote_transport import REMOTE, Door
from pipeline.stages.hub import Hub
from pipeline.supervisor.plan import RunPlan
from pipeline.supervisor.specs import SpecFactory
from pipeline.transport import Received

_READERS_WORDS: Final = Hello | Frames | ReaderStatus | SourceEnded

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    """The reader that a source has now."""

    peer: str
    owner: str
    heard_ns: int


class Remotes:
    """Who reads the remote sources.

    A reader is known by its connection, which never comes back: whoever has been given up is a
    stranger from then on, and its successor begins where the hub is.

    Args:
        plan: What is run; without remote sources there is nothing to do.
        hub: Is told of every birth and death.
        specs: What each reader is told.
        door: Where they connect.
        send: To a peer; False when it is gone.
        alarm: Tells people.
    """

    def __init__(
        self,
        plan: RunPlan,
        hub: Hub,
        specs: SpecFactory,
        *,
        door: Door | None,
        send: Callable[[str, HubMessage], bool],
        alarm: Callable[[str], None],
    ) -> None:
        self._names = plan.remote_sources
        self._timeout_s = 0.0 if plan.config.listen is None else plan.config.listen.timeout_s
        self._hub = hub
        self._specs = specs
        self._door = door
        self._send = send
        self._alarm = alarm
        self._held: dict[str, _Held] = {}
        self._is_draining = False
        self._has_told = False
        if door is not None:
            log.info("listening at %s for %s", door.address, ", ".join(self._names))

    @property
    def refused_clients(self) -> int:
        """Attempts to connect without a known key so far."""
        return 0 if self._door is None else self._door.refused_clients

    @property
    def num_held(self) -> int:
        """Readers that have come and not left."""
        return len(self._held)

    def receive(self, received: Received, now_ns: int) -> bool:
        """Take a message; False when it is for the hub, which all of this host's own are.

        Raises:
            PeerError: Its sender was not admitted, or has no right to say that.
        """
        peer, message = received.peer, received.message
        if not peer.startswith(REMOTE):
            return False
        if isinstance(message, Join):
            self._join(peer, message, now_ns)
            return True
        name = self._name_of(peer)
        self._held[name].heard_ns = now_ns
        if isinstance(message, Ping):
            self._send(peer, Pong(message.sent_ns, now_ns))
            return True
        if isinstance(message, Leave):
            self._lose(name, "it has left")
            return True
        if not isinstance(message, _READERS_WORDS):
            raise PeerError(f"{peer}: unexpected {type(message).__name__} from a remote reader")
        return False

    def forgive(self, away_ns: int, now_ns: int) -> None:
        """Nobody listened for so long."""
        for held in self._held.values():
            held.heard_ns = min(held.heard_ns + away_ns, now_ns)

    def watch(self, now_ns: int) -> None:
        """Give up those who have been silent for too long; say once that some were not let in."""
        if self.refused_clients and not self._has_told:
            self._has_told = True
            log.warning("listen: refused a client without a known key; more are only counted")
        for name, held in list(self._held.items()):
            silent_s = (now_ns - held.heard_ns) / 1e9
            if silent_s > self._timeout_s:
                self._lose(name, f"nothing heard for {silent_s:.0f} s")

    def drop(self, peer: str, reason: str) -> None:
        """Have nothing more to do with a reader; others are not ours."""
        for name, held in list(self._held.items()):
            if held.peer == peer:
                self._lose(name, reason)

    def drain(self) -> None:
        """Admit nobody any more; sources that nobody reads end here."""
        self._is_draining = True
        for name in self._names:
            if name not in self._held:
                self._hub.source_failed(name, "stopped")

    # --- details ----------------------------------------------------------------------------------

    def _join(self, peer: str, message: Join, now_ns: int) -> None:
        refusal = self._refusal(message)
        if refusal is not None:
            self._send(peer, refusal)
            return
        name = message.source
        if any(held.peer == peer and other != name for other, held in self._held.items()):
            raise PeerError(f"{peer}: expected one source of a connection, got {name} as well")
        spec = self._specs.remote(name, is_live=message.live)
        if not self._send(peer, Assignment(spec, self._timeout_s)):
            # What it asked waited while nobody listened here; its successor may be read already.
            log.info("source %s: a reader that asked for it has left again", name)
            return
        if name in self._held:
            self._lose(name, "another one of the same host takes its place")
        self._held[name] = _Held(peer, message.owner, now_ns)
        self._hub.child_started(peer, "reader", name)
        log.info("source %s: its reader has come", name)

    def _refusal(self, message: Join) -> TurnedAway | None:
        name = message.source
        if message.schema != SCHEMA_VERSION:
            versions = f"expected schema {SCHEMA_VERSION} of a reader, got {message.schema}"
            return TurnedAway(f"{versions}; install the same version on both hosts", "refused")
        if name not in self._names:
            known = ", ".join(self._names)
            return TurnedAway(
                f"expected one of its remote sources, {known}, got {name!r}", "refused"
            )
        ended = self._hub.sources[name].ended
        if ended is not None and ended.reason != "stopped":
            return TurnedAway(f"source {name} has come to its end in this run", "ended")
        if ended is not None or self._is_draining:
            return TurnedAway(f"source {name} is not read any more in this run", "stopping")
        if name in self._held and self._held[name].owner != message.owner:
            return TurnedAway(f"source {name} has another reader", "busy")
        return None

    def _name_of(self, peer: str) -> str:
        for name, held in self._held.items():
            if held.peer == peer:
                return name
        raise PeerError(f"{peer}: expected one that has joined")

    def _lose(self, name: str, reason: str) -> None:
        held = self._held.pop(name)
        self._hub.child_lost(held.peer)
        if self._hub.sources[name].ended is not None:
            return
        if self._is_draining:
            self._hub.source_failed(name, "stopped")
            return
        self._alarm(f"source {name}: its reader is gone ({reason}); waiting for the next one")
