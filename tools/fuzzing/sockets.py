"""Messages at the sockets of real runs, in processes of their own."""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import zmq

from fuzzing.mutation import case
from fuzzing.report import Report
from fuzzing.tap import Tap
from fuzzing.wire import mutated
from pipeline.config_file import load_config
from pipeline.results import EndRecord, RegionRecord
from pipeline.snapshot import Snapshot
from pipeline.specs import MonitorSpec
from pipeline.supervisor import Outcome, Supervisor, plan_run, supervisor
from pipeline.supervisor.recording import prepare_out, write_resolved
from pipeline.supervisor.specs import SpecFactory
from pipeline.transport import encode_snapshot, new_context

SOURCE = "lot"
_NAMES = (b"stranger", b"worker/0#7", b"reader/lot#9", b"sink/jsonl-0#3", b"\x1b[2J\n", b"x" * 200)


def run_tapped(
    plan_of: dict[str, Any], out: Path, rng: random.Random, *, limit: int, max_frames: int
) -> tuple[Outcome, Tap]:
    """A run whose children are connected through a tap."""
    loaded = load_config(base=plan_of, environment={})
    prepare_out(out)
    write_resolved(out, loaded.plain)
    taps: list[Tap] = []
    context = new_context()

    class Tapped(SpecFactory):
        def __init__(
            self, *args: Any, endpoints: tuple[str, str], folder: str, **rest: Any
        ) -> None:
            threads = loaded.config.runtime.type == "threads"
            front = "inproc://tap" if threads else f"ipc://{folder}/tap"
            taps.append(
                Tap(
                    front,
                    endpoints[0],
                    rng,
                    limit=limit,
                    max_frames=max_frames,
                    context=context if threads else None,
                )
            )
            taps[0].start()
            super().__init__(*args, endpoints=(front, endpoints[1]), folder=folder, **rest)

    with (
        mock.patch.object(supervisor, "SpecFactory", Tapped),
        mock.patch.object(supervisor, "new_context", return_value=context),
    ):
        try:
            outcome = Supervisor(plan_run(loaded.config), out).run()
        finally:
            for tap in taps:
                tap.stop()
    return outcome, taps[0]


def strangers(endpoint: str, bodies: Sequence[bytes], rng: random.Random, count: int) -> int:
    """Send broken, stolen and raw bytes to a hub under names of nobody; returns how many."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sent = 0
    try:
        for name in _NAMES:
            dealer = context.socket(zmq.DEALER)
            dealer.setsockopt(zmq.IDENTITY, name)
            dealer.setsockopt(zmq.LINGER, 2_000)
            dealer.setsockopt(zmq.SNDTIMEO, 5_000)
            dealer.connect(endpoint)
            for _ in range(count // len(_NAMES)):
                body = rng.choice(bodies)
                if rng.random() < 0.7:
                    body = mutated(body, rng, bodies)
                extra = [b""] * rng.choice((0, 1, 1, 1, 1, 2, 5))
                dealer.send_multipart([body, *extra])
                sent += 1
            dealer.close()
        for _ in range(20):
            _raw(endpoint.removeprefix("ipc://"), rng)
    finally:
        context.term()
    return sent


def _raw(path: str, rng: random.Random) -> None:
    """Bytes that are no ZeroMQ at all."""
    with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(OSError):
        line.settimeout(2)
        line.connect(path)
        line.sendall(
            rng.choice((b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03", b"")) + rng.randbytes(200)
        )


def problems_of(out: Path, outcome: Outcome, frames: int, *, exact: bool = True) -> list[str]:
    """What must not be: lines outside the schema, doubled or missing, an open ledger."""
    found = []
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    for line in lines:
        try:
            msgspec.convert(line, EndRecord if "event" in line else RegionRecord)
        except msgspec.ValidationError as error:
            found.append(f"{error}: {line}")
    numbers = [line["frame"] for line in lines if "event" not in line]
    if numbers != sorted(set(numbers)):
        found.append("frames doubled or out of order")
    if exact and numbers != list(range(frames)):
        found.append(f"expected frames 0 to {frames - 1}, each once, got {len(numbers)}")
    ledger = outcome.summary["frames"]
    known = ledger["processed"] + sum(ledger["dropped"].values()) + ledger["in_flight"]
    if ledger["captured"] != known:
        found.append(f"ledger: {ledger}")
    if outcome.error is not None or outcome.exit_status:
        found.append(f"exit status {outcome.exit_status}: {outcome.error}")
    if "Traceback" in (out / "run.log").read_text():
        found.append("a traceback in run.log")
    return found


def fuzz_monitor(snapshots: Sequence[Snapshot], folder: Path, report: Report, count: int) -> None:
    """Broken snapshots to a real monitor; the last one is sound and ends it."""
    endpoint = f"ipc://{folder}/telemetry"
    bodies = [encode_snapshot(snapshot) for snapshot in snapshots]
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    publisher = context.socket(zmq.XPUB)
    publisher.bind(endpoint)
    spec = MonitorSpec(
        name="terminal",
        identity="monitor/terminal#0",
        endpoint=endpoint,
        run_folder=str(folder / "none"),
        supervisor_pid=os.getpid(),
    )
    monitor = subprocess.Popen(  # our own module
        [sys.executable, "-P", "-m", "pipeline.child", "monitor"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"COLUMNS": "120", "LINES": "45"},
    )
    assert monitor.stdin is not None
    try:
        monitor.stdin.write(msgspec.json.encode(spec) + b"\n")
        monitor.stdin.flush()
        assert publisher.poll(60_000), "the monitor has not subscribed"
        for number in range(count):
            rng = case(report.seed, number)
            publisher.send(mutated(rng.choice(bodies), rng, bodies))
            report.cases += 1
            time.sleep(0.005)  # it draws the newest only, so most must come alone
        final = encode_snapshot(msgspec.structs.replace(snapshots[-1], state="done"))
        for _ in _until_dead(monitor, limit_s=20):
            publisher.send(final)
        status = monitor.poll()
        if status != 0:
            report.failed("all", f"monitor: exit status {status}: {_last_words(monitor)}")
    finally:
        monitor.kill()
        monitor.wait()
        context.destroy(linger=0)


def _until_dead(process: "subprocess.Popen[bytes]", limit_s: float) -> Iterator[None]:
    deadline_s = time.monotonic() + limit_s
    while process.poll() is None and time.monotonic() < deadline_s:
        yield
        time.sleep(0.1)


def _last_words(process: "subprocess.Popen[bytes]") -> str:
    assert process.stderr is not None
    if process.poll() is None:
        return "it lives on"
    return process.stderr.read().decode(errors="replace")[-1_000:]
