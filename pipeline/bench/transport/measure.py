"""The transport benchmark: all paths in one run, in turn, between two real processes."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any, Final

import numpy as np

from pipeline.bench.transport.consumer_process import ConsumerProcess
from pipeline.bench.transport.lanes import PATHS, Block, ConsumerSpec, Path
from pipeline.bench.transport.producer import Producer, make_pictures
from pipeline.bench.window import machine_busy_s
from pipeline.curve import HUB, make_keys
from pipeline.readers.base import Pixels
from pipeline.supervisor.run_folder import RunFolder, frames_folder

SHAPES: Final[dict[str, tuple[int, int, int]]] = {
    "640x480x3": (480, 640, 3),
    "1920x1080x3": (1080, 1920, 3),
    "64x32x32x3": (64 * 32, 32, 3),
}
"""What it is called -> height, width and channels; the last one is a batch of 64 crops."""
_BLOCK: Final = 30
"""Pictures of one path in a row, or fewer of a slow one: what is in a cache is the path's own."""
_BLOCK_S: Final = 0.5
_LEAST: Final = 3
_HOST: Final = "bench"


class Others:
    """What programs beside the benchmark took of the cores; None where unknown."""

    share: float | None = None


@contextlib.contextmanager
def watch_others() -> Iterator[Others]:
    """Look at the machine's processor time around a measurement; `share` is there after it."""
    others = Others()
    before, own_before, begin_s = machine_busy_s(), _own_cpu_s(), time.monotonic()
    yield others
    after = machine_busy_s()
    if before is not None and after is not None:
        possible_s = len(os.sched_getaffinity(0)) * (time.monotonic() - begin_s)
        taken_s = (after - before) - (_own_cpu_s() - own_before)
        others.share = round(max(0.0, taken_s) / possible_s, 4)


def _own_cpu_s() -> float:
    """Of this process and those that it has waited for."""
    return sum(os.times()[:4])


def measure_transport(rounds: int, on_shape: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows of the bench file.

    Args:
        rounds: That count; one more for each shape warms up.
        on_shape: Told what begins.

    Raises:
        StageError: A picture did not arrive.
    """
    rows: list[dict[str, Any]] = []
    with _pair() as pair:
        for name, shape in SHAPES.items():
            on_shape(name)
            pictures = make_pictures(shape)
            times: dict[Path, list[int]] = {path: [] for path in PATHS}
            for number in range(rounds + 1):
                for path in PATHS[number % len(PATHS) :] + PATHS[: number % len(PATHS)]:
                    measured = pair.block(path, pictures)
                    if number:
                        times[path] += measured
            rows += [_row(name, path, pictures[0].nbytes, times[path]) for path in PATHS]
    return rows


class _Pair:
    """Producer and consumer."""

    def __init__(self, producer: Producer, consumer: ConsumerProcess) -> None:
        self._producer = producer
        self._consumer = consumer

    def block(self, path: Path, pictures: list[Pixels]) -> list[int]:
        """Nanoseconds of each picture of one block."""
        if path != "memcpy":
            self._consumer.begin(Block(path))
        copies: list[int] = []
        end_s = time.monotonic() + _BLOCK_S
        for number in range(_BLOCK):
            if number >= _LEAST and time.monotonic() > end_s:
                break
            copied_ns = self._producer.send(path, pictures)
            if copied_ns is not None:
                copies.append(copied_ns)
        if path == "memcpy":
            return copies
        self._producer.end_block(path)
        return self._consumer.done().latencies_ns


@contextlib.contextmanager
def _pair() -> Iterator[_Pair]:
    """Both processes, and what they need; all of it goes with the context."""
    with (
        contextlib.closing(RunFolder()) as sockets,
        contextlib.closing(frames_folder()) as frames,
        tempfile.TemporaryDirectory(prefix="dart-keys-") as keys,
    ):
        make_keys(FilePath(keys), [_HOST])
        spec = ConsumerSpec(str(sockets.path), str(frames.path), f"{keys}/{HUB}")
        with ConsumerProcess(spec) as consumer:
            producer = Producer(sockets.path, frames.path, consumer.ready, FilePath(keys) / _HOST)
            with contextlib.closing(producer):
                yield _Pair(producer, consumer)


def _row(shape: str, path: Path, size_bytes: int, times_ns: list[int]) -> dict[str, Any]:
    p10_ns, p50_ns, p99_ns = np.percentile(times_ns, [10, 50, 99])
    return {
        "shape": shape,
        "path": path,
        "p10_ms": round(p10_ns / 1e6, 4),
        "p50_ms": round(p50_ns / 1e6, 4),
        "p99_ms": round(p99_ns / 1e6, 4),
        "gb_per_s": round(size_bytes / p50_ns, 3),
        "n": len(times_ns),
    }
