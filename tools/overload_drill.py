"""Overload: cameras that send more than the worker can do, because it is slowed tenfold.

    python tools/overload_drill.py --clip CLIP.mp4 --minutes 10 --out overload.json

Three real RTSP cameras with nine zones each. The worker is stopped and continued (SIGSTOP, SIGCONT)
twenty times a second, so that it has a tenth of the time. Status 1 if a frame was older than
`max_age` when the worker got it, if memory grew, or if the ledger does not balance, reason by
reason. Needs what `tools/rtsp_server.py` needs.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from camera_drill import SIGNALLED
from flapping_cameras import FlappingCameras
from kill_drill import DrillError, Run, wait_until
from run_watch import Watch

CAMERAS = 3
_PERIOD_S = 0.05
_START_LIMIT_S, _END_LIMIT_S = 120.0, 90.0
_EDGES = (0.0, 0.333, 0.667, 1.0)
_ZONES = ", ".join(
    f"z{row}{column}: [{_EDGES[column]}, {_EDGES[row]}, {_EDGES[column + 1]}, {_EDGES[row + 1]}]"
    for row in range(3)
    for column in range(3)
)


class Brake:
    """Lets a process have a share of its time, by stopping and continuing it."""

    def __init__(self, pid: int, share: float) -> None:
        self._pid, self._share = pid, share
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._brake, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let it go."""
        self._closing.set()
        self._thread.join()

    def _brake(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            while not self._closing.is_set():
                os.kill(self._pid, signal.SIGSTOP)
                self._closing.wait(_PERIOD_S * (1 - self._share))
                os.kill(self._pid, signal.SIGCONT)
                time.sleep(_PERIOD_S * self._share)


def drill(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run it all; returns the report."""
    out = folder / "out"
    ports = [args.port + index for index in range(CAMERAS)]
    cameras = FlappingCameras(args.server_python, args.clip.resolve(), ports)
    with (
        contextlib.closing(cameras),
        contextlib.closing(Run(_arguments(args, out), out, folder / "t")) as run,
    ):
        run.wait_for_results(100, _START_LIMIT_S)
        begin_line = run.num_results
        with (
            contextlib.closing(Watch(run, args.period_s)) as watch,
            contextlib.closing(Brake(run.pid_of("worker"), 1 / args.slowed)),
        ):
            _wait(run, args.minutes * 60)
            end_line = run.num_results
        run.process.send_signal(signal.SIGINT)
        wait_until(lambda: run.process.poll() is not None, _END_LIMIT_S, "the end", poll_s=0.1)
    lines = (out / "results.jsonl").read_text().splitlines()[begin_line:end_line]
    records = [record for record in map(json.loads, lines) if "event" not in record]
    summary = json.loads((out / "summary.json").read_text())
    return _report(args, records, summary, watch, run.process.returncode)


def _wait(run: Run, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        time.sleep(0.5)
        if run.process.poll() is not None:
            raise DrillError(f"the run ended by itself, status {run.process.returncode}")


def _arguments(args: argparse.Namespace, out: Path) -> list[str]:
    words = ["--out", str(out)]
    settings = [f"model.name={args.model}", "recording={max_mb: 16, max_log_mb: 1}"]
    for index in range(CAMERAS):
        words += ["--source", f"cam{index}=rtsp://127.0.0.1:{args.port + index}/cam"]
        settings += [
            f"sources.cam{index}.max_age={args.max_age_s}",
            f"sources.cam{index}.regions={{type: zones, zones: {{{_ZONES}}}}}",
        ]
    return [*words, *(word for s in [*settings, *args.set] for word in ("--set", s))]


def _report(
    args: argparse.Namespace,
    records: list[dict[str, Any]],
    summary: dict[str, Any],
    watch: Watch,
    status: int | None,
) -> dict[str, Any]:
    since_s = min(120.0, args.minutes * 20)
    slopes = watch.slopes_mb_per_hour(since_s)
    late = [reading.total("memory_mb") for reading in watch.readings if reading.at_s >= since_s]
    age_s = np.array([record["latency_ms"]["total"] for record in records]) / 1e3
    before_worker_s = np.array([_before_worker_ms(record) for record in records]) / 1e3
    total = summary["frames"]
    known = total["processed"] + sum(total["dropped"].values()) + total["in_flight"]
    dropped = sum(total["dropped"].values())
    checks = {
        f"exit status {status}": status == SIGNALLED,
        f"{len(records)} regions answered": len(records) > 0,
        f"{dropped} frames dropped: this is no overload": dropped > total["captured"] / 10,
        f"age at the worker {before_worker_s.max():.3f} s": before_worker_s.max() <= args.max_age_s,
        f"memory grew from {late[0]} to {late[-1]} MB": late[-1] - late[0] < max(8, 0.03 * late[0]),
        f"ledger {total}": total["captured"] == known and total["in_flight"] == 0,
        f"restarts {summary['restarts']}": summary["restarts"] == 0,
    }
    return {
        "command": " ".join(["overload_drill.py", *sys.argv[1:]]),
        "host": {"machine": platform.machine(), "cores": os.cpu_count()},
        "minutes": args.minutes,
        "problems": [problem for problem, is_right in checks.items() if not is_right],
        "regions": len(records),
        "regions_per_s": round(len(records) / (args.minutes * 60), 1),
        "frames": total,
        "max_age_s": args.max_age_s,
        "age_at_worker_s": _quantiles(before_worker_s),
        "age_at_answer_s": _quantiles(age_s),
        "answers_older_than_max_age": int((age_s > args.max_age_s).sum()),
        "memory_mb": [late[0], late[-1]],
        "growth_mb_per_hour": slopes,
        "readings": watch.report(),
    }


def _before_worker_ms(record: dict[str, Any]) -> float:
    return float(record["latency_ms"]["queue"])


def _quantiles(values_s: np.ndarray) -> dict[str, float]:
    levels = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(float(np.quantile(values_s, at)), 4) for name, at in levels.items()}


def main() -> int:
    """Status 1 if there was a problem."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--slowed", type=float, default=10.0, help="how many times")
    parser.add_argument("--max-age-s", type=float, default=0.5)
    parser.add_argument("--period-s", type=float, default=10.0, help="between two readings")
    parser.add_argument("--port", type=int, default=8570, help="of the first camera")
    parser.add_argument("--server-python", default="/usr/bin/python3")
    parser.add_argument("--set", action="append", default=[], help="more settings of the run")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="overload-") as folder:
        report = drill(args, Path(folder))
    args.out.write_text(json.dumps(report, indent=2) + "\n")
    for what in ("regions_per_s", "frames", "age_at_worker_s", "age_at_answer_s", "memory_mb"):
        print(f"{what}: {report[what]}")
    print("; ".join(report["problems"]) or f"{args.minutes:g} minutes within bounds; {args.out}")
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
