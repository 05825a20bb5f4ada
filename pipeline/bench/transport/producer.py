"""The producer of the transport benchmark: sends pictures as a reader does."""

import time
from pathlib import Path as FilePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.bench.transport.lanes import PICTURES, READER, ConsumerReady, Path
from pipeline.curve import ReaderKeys
from pipeline.errors import StageError
from pipeline.frame_ring import RingWriter, ring_path
from pipeline.messages import Counters, Credit, FrameHeader, Frames, RegionHeader, SourceEnded
from pipeline.readers import ArrayFrame
from pipeline.readers.base import Pixels
from pipeline.remote_transport import RemoteLink
from pipeline.transport import Link, new_context

SLOTS: Final = 8
_WAIT_MS: Final = 1_000
_TRIES: Final = 30
_SOURCE: Final = "bench"


class Producer:
    """Sends one picture at a time and waits for its credit, so that nothing queues.

    Args:
        folder: Of the consumer's sockets.
        frames_folder: Where rings go.
        ready: The consumer's addresses.
        keys: Folder of a reader's keys.
    """

    def __init__(
        self, folder: FilePath, frames_folder: FilePath, ready: ConsumerReady, keys: FilePath
    ) -> None:
        self._context = new_context()
        self._frames_folder = frames_folder
        self._links: dict[Path, Link] = {
            "shm": Link(self._context, f"ipc://{folder}/shm", READER),
            "ipc": Link(self._context, f"ipc://{folder}/ipc", READER),
            "tcp": RemoteLink(self._context, ready.tcp, READER, None),
            "curve": RemoteLink(self._context, ready.curve, READER, ReaderKeys.load(keys)),
        }
        self._number = 0
        self._rings: dict[tuple[int, ...], tuple[int, RingWriter]] = {}
        self._copies: dict[tuple[int, ...], list[Pixels]] = {}

    def send(self, path: Path, pictures: list[Pixels]) -> int | None:
        """Send the next picture and wait until it is taken.

        Args:
            path: By which way; `memcpy` copies it within this process.
            pictures: `PICTURES` of one shape, sent in turn.

        Returns:
            Nanoseconds of a copy; None where the consumer holds the clock.
        """
        number = self._number
        self._number += 1
        pixels = pictures[number % PICTURES]
        if path == "memcpy":
            return self._copy(pixels, number)
        link = self._links[path]
        begin_ns = time.monotonic_ns()
        if path == "shm":
            segment, ring = self._ring(pixels)
            slot = ring.put(_frame(number, pixels))
            link.send(_message(number, begin_ns, segment, slot))
            ring.release(_credit(link, path).slots)
        else:
            link.send(_message(number, begin_ns), pixels.data.cast("B"))
            _credit(link, path)
        return None

    def end_block(self, path: Path) -> None:
        """Have the consumer answer."""
        self._links[path].send(SourceEnded(_SOURCE, "complete", Counters()))

    def close(self) -> None:
        """Let go of everything."""
        for link in self._links.values():
            link.close(hub_listens=False)
        self._context.destroy(linger=0)

    def _copy(self, pixels: Pixels, number: int) -> int:
        """A plain copy, to as many places in turn as a ring has."""
        if pixels.shape not in self._copies:
            self._copies[pixels.shape] = [np.zeros_like(pixels) for _ in range(SLOTS)]
        place = self._copies[pixels.shape][number % SLOTS]
        begin_ns = time.monotonic_ns()
        np.copyto(place, pixels)
        return time.monotonic_ns() - begin_ns

    def _ring(self, pixels: Pixels) -> tuple[int, RingWriter]:
        """Number and writer of the ring for this shape."""
        if pixels.shape not in self._rings:
            number = len(self._rings)
            path = ring_path(self._frames_folder, f"{READER}{number}")
            self._rings[pixels.shape] = number, RingWriter(path, SLOTS)
        return self._rings[pixels.shape]


def make_pictures(shape: tuple[int, int, int]) -> list[NDArray[np.uint8]]:
    """Random pictures of (height, width, 3), each with its number in its first and last byte."""
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, shape, np.uint8) for _ in range(PICTURES)]
    for number, picture in enumerate(pictures):
        picture[0, 0, 0] = picture[-1, -1, -1] = number
    return pictures


def _frame(number: int, pixels: Pixels) -> ArrayFrame:
    height, width = pixels.shape[:2]
    return ArrayFrame(number, number / 25, (width, height), lambda: pixels)


def _message(number: int, begin_ns: int, segment: int = 0, slot: int | None = None) -> Frames:
    whole = [RegionHeader((0.0, 0.0, 1.0, 1.0))]
    header = FrameHeader(number, number / 25, begin_ns, begin_ns, 0.0, whole, segment, slot)
    return Frames(_SOURCE, [header], Counters(number + 1))


def _credit(link: Link, path: Path) -> Credit:
    for _ in range(_TRIES):
        received = link.receive(_WAIT_MS)
        if received is not None and isinstance(received[0], Credit):
            return received[0]
    raise StageError(f"{path}: the consumer did not take a picture within {_TRIES} s")
