"""The consumer of the transport benchmark: takes pictures as the hub and a sink do.

Entry point of a child process, `python -m pipeline.bench.transport.consumer`.
"""

import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from pipeline.bench.transport.lanes import (
    PICTURES,
    READER,
    Block,
    BlockDone,
    ConsumerReady,
    ConsumerSpec,
)
from pipeline.curve import HubKeys
from pipeline.errors import PeerError, StageError
from pipeline.frame_ring import RingReader, ring_path
from pipeline.messages import Credit, FrameHeader, Frames, SourceEnded
from pipeline.remote_transport import Door
from pipeline.transport import HubSocket, Received, new_context

_ANY_PORT: Final = "tcp://127.0.0.1:*"
_TIMEOUT_S: Final = 30.0


class Consumer:
    """Listens everywhere; takes pictures from one place at a time."""

    def __init__(self, spec: ConsumerSpec) -> None:
        self._context = new_context()
        self._frames_folder = spec.frames_folder
        self._ring: tuple[Path, RingReader] | None = None
        doors = {
            "tcp": Door(_ANY_PORT, None, timeout_s=_TIMEOUT_S),
            "curve": Door(_ANY_PORT, HubKeys.load(Path(spec.keys)), timeout_s=_TIMEOUT_S),
        }
        self.ready = ConsumerReady(doors["tcp"].address, doors["curve"].address)
        self._hubs = {
            name: HubSocket(
                self._context,
                f"ipc://{spec.folder}/{name}",
                [f"ipc://{spec.folder}/{name}-telemetry"],
                f"ipc://{spec.folder}/{name}-control",
                doors.get(name),
            )
            for name in ("shm", "ipc", "tcp", "curve")
        }

    def take(self, block: Block) -> BlockDone:
        """Take pictures until the producer ends the block.

        Raises:
            StageError: Nothing came, or another picture than was announced.
        """
        hub = self._hubs[block.path]
        latencies_ns: list[int] = []
        deadline_s = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline_s:
            hub.wait(1_000)
            for received in hub.receive():
                if isinstance(received, PeerError):
                    raise StageError(f"{block.path}: {received}")
                if isinstance(received.message, SourceEnded):
                    return BlockDone(latencies_ns)
                if isinstance(received.message, Frames):
                    latencies_ns.append(self._latency_ns(received.message.frames[0], received))
                    hub.send(received.peer, Credit(1, 1))
                    deadline_s = time.monotonic() + _TIMEOUT_S
        raise StageError(f"{block.path}: nothing came for {_TIMEOUT_S:g} s")

    def _latency_ns(self, header: FrameHeader, received: Received) -> int:
        if header.slot is None:
            first, last = received.blob[0], received.blob[-1]
            done_ns = time.monotonic_ns()
        else:
            ring = self._ring_of(header)
            picture = ring.picture(header.slot, header.frame)
            if picture is None:
                raise StageError(f"shm: expected frame {header.frame}, found another")
            first, last = picture.pixels[0, 0, 0], picture.pixels[-1, -1, -1]
            done_ns = time.monotonic_ns()
            if not ring.holds(header.slot, header.frame):
                raise StageError(f"shm: frame {header.frame} was overwritten")
        if (first, last) != (header.frame % PICTURES, header.frame % PICTURES):
            raise StageError(f"frame {header.frame}: expected another picture")
        return done_ns - header.captured_mono_ns

    def _ring_of(self, header: FrameHeader) -> RingReader:
        """Every shape has a ring, as every incarnation of a reader has one."""
        path = ring_path(self._frames_folder, f"{READER}{header.segment}")
        if self._ring is None or self._ring[0] != path:
            if self._ring is not None:
                self._ring[1].close()
            self._ring = path, RingReader(path)
        return self._ring[1]

    def close(self) -> None:
        """Let go of everything."""
        if self._ring is not None:
            self._ring[1].close()
        for hub in self._hubs.values():
            hub.close()
        self._context.destroy(linger=0)


def main() -> int:
    """Serve blocks until standard input closes."""
    spec = msgspec.json.decode(sys.stdin.buffer.readline(), type=ConsumerSpec)
    consumer = Consumer(spec)
    _answer(consumer.ready)
    try:
        for line in sys.stdin.buffer:
            _answer(consumer.take(msgspec.json.decode(line, type=Block)))
    finally:
        consumer.close()
    return 0


def _answer(message: ConsumerReady | BlockDone) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
