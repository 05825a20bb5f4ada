"""Attach `dart-stream top` to a run and kill it, many times: does anything stay behind?

    python tools/attach_drill.py --times 100

Starts a run of its own, attaches screens on real pseudo-terminals, kills each with -9 once it has
drawn, and compares the supervisor's descriptors, threads and memory before and after. Exit status
1 if descriptors or threads grew, or memory by more than 8 MB.
"""

import argparse
import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.running import RunningRun, list_running

SOURCE = "cam=synthetic://?frames=100000000&width=64&height=48"
WITHIN_S = 60.0
WARM_UP = 3
ALLOWED_MB = 8.0


class Held(NamedTuple):
    """What a process holds."""

    descriptors: int
    threads: int
    memory_mb: float


def held_by(pid: int) -> Held:
    """Count what a process holds now."""
    process = Path(f"/proc/{pid}")
    status = dict(
        line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
    )
    return Held(
        descriptors=len(list((process / "fd").iterdir())),
        threads=int(status["Threads"]),
        memory_mb=int(status["VmRSS"].split()[0]) / 1024,
    )


def attach_and_kill(run: RunningRun) -> None:
    """Attach a screen, wait until it has drawn the run, and kill it."""
    pid, terminal = pty.fork()
    if pid == 0:
        words = [sys.executable, "-m", "pipeline.cli.main", "top", str(run.out)]
        os.execv(sys.executable, words)  # noqa: S606 - our own module
    seen = b""
    deadline_s = time.monotonic() + WITHIN_S
    while b"DART Stream" not in seen:
        if not select.select([terminal], [], [], max(deadline_s - time.monotonic(), 0))[0]:
            raise TimeoutError("the screen drew nothing")
        seen += os.read(terminal, 65_536)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)


@contextlib.contextmanager
def a_run() -> Iterator[RunningRun]:
    """A pipeline without end, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        words = ["-m", "pipeline.cli.main", "run", "--headless", "--source", SOURCE]
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, *words, "--out", str(out)]
        )
        try:
            deadline_s = time.monotonic() + WITHIN_S
            while not (found := [run for run in list_running() if run.pid == process.pid]):
                if time.monotonic() > deadline_s:
                    raise TimeoutError("the run did not start")
                time.sleep(0.1)
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(WITHIN_S)


def main() -> int:
    """Attach and kill; print what was held before and after."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100)
    args = parser.parse_args()
    with a_run() as run:
        for _ in range(WARM_UP):
            attach_and_kill(run)
        before = held_by(run.pid)
        for _ in range(args.times):
            attach_and_kill(run)
        after = held_by(run.pid)
    for name, old, new in zip(Held._fields, before, after, strict=True):
        print(f"{name:12} {old:10.1f} -> {new:.1f}")
    grown = after.memory_mb - before.memory_mb > ALLOWED_MB
    leaks = after[:2] > before[:2] or grown
    print("LEAKS" if leaks else f"nothing stayed behind after {args.times} screens")
    return int(leaks)


if __name__ == "__main__":
    sys.exit(main())
