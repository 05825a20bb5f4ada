"""What a run holds while it goes on: memory, descriptors, threads, shared memory, files.

Memory is what is anonymous: pages of libraries are left out, whose share changes whenever another
program on the machine begins or ends. Rings in shared memory are counted by themselves.

Every process gives memory back once a minute and takes some of it again within seconds. So readings
come at irregular times, and of each process and minute the median counts.
"""

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from kill_drill import Run

_MIB = 2**20


@dataclass(slots=True)
class Held:
    """What one process holds."""

    memory_mb: float
    descriptors: int
    sockets: int
    threads: int


@dataclass(slots=True)
class Reading:
    """What a run holds at one moment."""

    at_s: float
    processes: dict[str, Held] = field(default_factory=dict)
    """By "role pid"."""
    shared_mb: float = 0.0
    shared_files: int = 0
    """In /dev/shm, with rings of other runs if there are any."""
    files_mb: dict[str, float] = field(default_factory=dict)
    """In the output folder."""

    def total(self, what: str) -> float:
        """Sum of a field of `Held`."""
        return sum(getattr(held, what) for held in self.processes.values())


class Watch:
    """Reads a run every few seconds until it is closed."""

    def __init__(self, run: Run, period_s: float) -> None:
        self.readings: list[Reading] = []
        self._run, self._period_s = run, period_s
        self._begin_s = time.monotonic()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._closing.set()
        self._thread.join()

    def _watch(self) -> None:
        rng = random.Random(0)
        while not self._closing.wait(self._period_s * rng.uniform(0.5, 1.5)):
            self.readings.append(read(self._run, time.monotonic() - self._begin_s))

    def slopes_mb_per_hour(self, since_s: float) -> dict[str, float]:
        """Growth of memory from `since_s` on: all together, and of each process that lived through.

        Robust against single readings: the median over all pairs (Theil and Sen).
        """
        late = [reading for reading in self.readings if reading.at_s >= since_s]
        grouped = itertools.groupby(late, lambda reading: reading.at_s // 60)
        by_minute = {minute: _medians(list(group)) for minute, group in grouped}
        if len(by_minute) < 2:
            return {}
        at_s, minutes = [60 * minute for minute in by_minute], list(by_minute.values())
        found = {"all": _slope_per_hour(at_s, [sum(held.values()) for held in minutes])}
        for name in sorted(set.intersection(*(set(held) for held in minutes))):
            found[name] = _slope_per_hour(at_s, [held[name] for held in minutes])
        return {name: round(slope, 2) for name, slope in found.items()}

    def counts(self, since_s: float) -> dict[str, list[float]]:
        """Medians of the first and the last fifth from `since_s` on of what should not grow.

        Medians, since a camera that is away has no socket and its reader fewer threads.
        """
        late = [reading for reading in self.readings if reading.at_s >= since_s]
        fifth = max(1, len(late) // 5)
        ends = [late[:fifth], late[-fifth:]] if late else []
        counted: dict[str, Callable[[Reading], float]] = {
            "descriptors": lambda reading: reading.total("descriptors"),
            "sockets": lambda reading: reading.total("sockets"),
            "threads": lambda reading: reading.total("threads"),
            "shared_files": lambda reading: reading.shared_files,
            "processes": lambda reading: len(reading.processes),
        }
        return {
            what: [float(np.median([count(each) for each in end])) for end in ends]
            for what, count in counted.items()
        }

    def report(self) -> list[dict[str, Any]]:
        """Every reading, as plain data."""
        return [asdict(reading) for reading in self.readings]


def read(run: Run, at_s: float) -> Reading:
    """Look at everything once; a process that ends meanwhile is left out."""
    reading = Reading(round(at_s, 1))
    for pid in run.alive():
        with contextlib.suppress(OSError, KeyError):
            reading.processes[f"{_role(pid)} {pid}"] = _held_by(pid)
    sizes = [path.stat().st_blocks * 512 for path in _files(Path("/dev/shm"))]  # noqa: S108
    reading.shared_mb, reading.shared_files = round(sum(sizes) / _MIB, 2), len(sizes)
    for path in _files(run.out):
        name = str(path.relative_to(run.out))
        with contextlib.suppress(FileNotFoundError):
            reading.files_mb[name] = round(path.stat().st_size / _MIB, 3)
    return reading


def _held_by(pid: int) -> Held:
    process = Path(f"/proc/{pid}")
    rollup = dict(
        line.split(":", 1)
        for line in (process / "smaps_rollup").read_text().splitlines()
        if ":" in line
    )
    status = (process / "status").read_text()
    threads = next(line for line in status.splitlines() if line.startswith("Threads:"))
    links = [_target(entry) for entry in (process / "fd").iterdir()]
    return Held(
        memory_mb=round(int(rollup["Anonymous"].split()[0]) / 1024, 2),
        descriptors=len(links),
        sockets=sum(link.startswith("socket:") for link in links),
        threads=int(threads.split()[1]),
    )


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""  # closed meanwhile


def _role(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_text().removesuffix("\0").split("\0")
    return words[-2] if words[-4:-2] == ["-m", "pipeline.child"] else "supervisor"


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []


def _medians(readings: list[Reading]) -> dict[str, float]:
    """Memory of every process that was there, in MB."""
    seen: dict[str, list[float]] = {}
    for reading in readings:
        for name, held in reading.processes.items():
            seen.setdefault(name, []).append(held.memory_mb)
    return {name: float(np.median(values)) for name, values in seen.items()}


def _slope_per_hour(at_s: list[float], values: list[float]) -> float:
    slopes = [
        (b - a) / (t - s)
        for (s, a), (t, b) in itertools.combinations(zip(at_s, values, strict=True), 2)
    ]
    return float(np.median(slopes)) * 3600
