"""A tap on the line between the hub and its children: all that passes is real, some is added.

It listens where children connect, and speaks to the hub under each child's own name. So a child can
be made to say, and to hear, what only a broken peer would.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import zmq

from fuzzing.wire import mutated
from pipeline import messages as m
from pipeline.errors import PeerError
from pipeline.transport import Context, new_context

_KEPT = 300
Parts = list[bytes]


@dataclass(slots=True)
class Added:
    """What was put on the line."""

    to_hub: int = 0
    to_children: int = 0
    spared: int = 0
    """Not sent, because it would have been obeyed: it is a sound order to do another thing."""
    frames: int = 0
    """Of `to_hub`, frames; the hub kills a reader for any that it cannot accept."""
    bodies: deque[bytes] = field(default_factory=lambda: deque(maxlen=50))
    """The last ones, for the report."""


class Tap(threading.Thread):
    """Forwards both ways until `stop`.

    Args:
        front: address for the children.
        back: the hub's.
        rng: chance.
        limit: messages to add in each direction.
        max_frames: of them, frames to the hub.
        context: of a run in threads; None makes one.
    """

    def __init__(
        self,
        front: str,
        back: str,
        rng: random.Random,
        *,
        limit: int,
        max_frames: int,
        context: Context | None = None,
    ) -> None:
        super().__init__(name="tap", daemon=True)
        self.added = Added()
        self.error: BaseException | None = None
        self._front, self._back, self._rng = front, back, rng
        self._limit, self._max_frames = limit, max_frames
        self._context = context
        self._halt = threading.Event()
        self._heard: dict[str, deque[Parts]] = {
            "child": deque(maxlen=_KEPT),
            "hub": deque(maxlen=_KEPT),
        }

    def stop(self) -> None:
        """End; what is on its way is lost."""
        self._halt.set()
        self.join(timeout=10)

    def run(self) -> None:
        """Forward and add."""
        # A shadow: who ends a shared context must not close our sockets in the middle of a call.
        own = None if self._context is None else Context.shadow(self._context)
        context = new_context() if own is None else own
        sockets: list[zmq.Socket[bytes]] = []
        try:
            self._forward(context, sockets)
        except zmq.ContextTerminated:
            pass  # the run is over
        except Exception as error:  # noqa: BLE001  # told by whoever started it
            self.error = error
        finally:
            for one in sockets:
                one.close(linger=0)
            if own is None:
                context.term()

    def _forward(self, context: Context, sockets: "list[zmq.Socket[bytes]]") -> None:
        router = context.socket(zmq.ROUTER)
        sockets.append(router)
        router.bind(self._front)
        poller = zmq.Poller()
        poller.register(router, zmq.POLLIN)
        lines: dict[bytes, zmq.Socket[bytes]] = {}
        names: dict[zmq.Socket[bytes], bytes] = {}
        while not self._halt.is_set():
            for ready, _ in poller.poll(50):
                if ready is router:
                    name, *parts = router.recv_multipart()
                    if name not in lines:
                        line = context.socket(zmq.DEALER)
                        sockets.append(line)
                        line.setsockopt(zmq.IDENTITY, name)
                        line.connect(self._back)
                        poller.register(line, zmq.POLLIN)
                        lines[name], names[line] = line, name
                    lines[name].send_multipart(parts)
                    self._add("child", parts, lines[name].send_multipart)
                else:
                    parts = ready.recv_multipart()
                    name = names[ready]
                    router.send_multipart([name, *parts])
                    self._add(
                        "hub", parts, lambda more, name=name: router.send_multipart([name, *more])
                    )

    def _add(self, side: str, parts: Parts, send: Callable[[Parts], None]) -> None:
        """Put some broken or old messages behind a real one."""
        heard = self._heard[side]
        heard.append(parts)
        done = self.added.to_hub if side == "child" else self.added.to_children
        for _ in range(min(self._rng.choice((0, 1, 5, 40)), self._limit - done)):
            message = self._made(heard)
            if not self._may_pass(side, message):
                self.added.spared += 1
                continue
            send(message)
            self.added.bodies.append(b"|".join(message)[:500])
            if side == "child":
                self.added.to_hub += 1
            else:
                self.added.to_children += 1

    def _made(self, heard: Sequence[Parts]) -> Parts:
        header, *rest = self._rng.choice(heard)
        blob = rest[0] if rest else b""
        kind = self._rng.random()
        if kind < 0.8:
            header = mutated(header, self._rng, [one[0] for one in heard])
        if kind > 0.9:
            blob = blob[: len(blob) // 2]
        if kind < 0.05:
            return [header] * self._rng.choice((1, 3, 7))
        return [header, blob]

    def _may_pass(self, side: str, parts: Parts) -> bool:
        if len(parts) != 2:
            return True
        try:
            message = (m.decode_from_child if side == "child" else m.decode_from_hub)(parts[0])
        except PeerError:
            return True
        if side == "hub":
            # Only old batches of policies that are known, and nothing that is an order to end.
            return isinstance(message, m.Batch | m.PolicyBody | m.Records) and any(
                parts[0] == old[0] for old in list(self._heard["hub"])[:-2]
            )
        if isinstance(message, m.Fatal | m.SourceEnded):
            return False
        if isinstance(message, m.Frames):
            self.added.frames += 1
            return self.added.frames <= self._max_frames
        return True
