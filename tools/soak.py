"""Soak: a run of six sources for an hour, three of them cameras that go away and come back.

    python tools/soak.py --clip CLIP.mp4 --minutes 60 --out soak.json

The other three play the clip again and again at its own speed; one of them is drawn into a video.
Memory, descriptors, sockets, threads and files are read every 10 s or so. Status 1 if the memory of
all processes together grew by 2 MB an hour or more after the first ten minutes, if counts grew, if
a process died, or if the ledger does not balance. Needs what `tools/rtsp_server.py` needs.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from camera_drill import SIGNALLED
from flapping_cameras import FlappingCameras
from kill_drill import Run, wait_until
from run_watch import Watch

GROWTH_LIMIT_MB_PER_HOUR = 2.0
CAMERAS, FILES = 3, 3
_START_LIMIT_S, _END_LIMIT_S = 120.0, 90.0


def soak(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run it all; returns the report."""
    out = folder / "out"
    ports = [args.port + index for index in range(CAMERAS)]
    cameras = FlappingCameras(
        args.server_python, args.clip.resolve(), ports, up_s=(10.0, 60.0), seed=args.seed
    )
    with (
        contextlib.closing(cameras),
        contextlib.closing(Run(_arguments(args, out), out, folder / "t")) as run,
    ):
        run.wait_for_results(1, _START_LIMIT_S)
        with contextlib.closing(Watch(run, args.period_s)) as watch:
            _let_it_run(run, watch, args)
        cameras.rest()
        run.process.send_signal(signal.SIGINT)
        wait_until(lambda: run.process.poll() is not None, _END_LIMIT_S, "the end", poll_s=0.1)
    summary = json.loads((out / "summary.json").read_text())
    return _report(args, watch, summary, cameras.kills, run.process.returncode)


def _let_it_run(run: Run, watch: Watch, args: argparse.Namespace) -> None:
    end_s = time.monotonic() + args.minutes * 60
    shown = 0
    while time.monotonic() < end_s and run.process.poll() is None:
        time.sleep(1)
        if len(watch.readings) >= shown + 30:
            shown = len(watch.readings)
            last = watch.readings[-1]
            print(f"{last.at_s:7.0f} s  {last.total('memory_mb'):8.1f} MB", flush=True)
            # Whoever is stopped early still has what was read until then.
            args.out.write_text(json.dumps({"readings": watch.report()}) + "\n")


def _arguments(args: argparse.Namespace, out: Path) -> list[str]:
    clip = args.clip.resolve()
    words = ["--out", str(out)]
    settings = [f"model.name={args.model}", "recording={max_mb: 16, max_log_mb: 1}"]
    for index in range(CAMERAS):
        words += ["--source", f"cam{index}=rtsp://127.0.0.1:{args.port + index}/cam"]
        settings += [f"sources.cam{index}.reconnect={{first: 0.5, cap: 5}}"]
    for index in range(FILES):
        words += ["--source", f"file{index}={clip}"]
        settings += [f"sources.file{index}.{key}=true" for key in ("loop", "realtime")]
    settings.append("sinks=[{type: jsonl}, {type: video, source: file0, max_mb: 40}]")
    return [*words, *(word for s in [*settings, *args.set] for word in ("--set", s))]


def _report(
    args: argparse.Namespace,
    watch: Watch,
    summary: dict[str, Any],
    kills: list[int],
    status: int | None,
) -> dict[str, Any]:
    since_s = min(args.settle_minutes * 60, args.minutes * 30)
    slopes, counts = watch.slopes_mb_per_hour(since_s), watch.counts(since_s)
    total = summary["frames"]
    known = total["processed"] + sum(total["dropped"].values()) + total["in_flight"]
    checks = {
        f"exit status {status}": status == SIGNALLED,
        f"memory grew by {slopes.get('all')} MB an hour": slopes.get("all", 99)
        < GROWTH_LIMIT_MB_PER_HOUR,
        f"ledger {total}": total["captured"] == known and total["in_flight"] == 0,
        f"restarts {summary['restarts']}": summary["restarts"] == 0,
    } | {f"{what} grew: {ends}": ends[-1] <= ends[0] for what, ends in counts.items()}
    return {
        "command": " ".join(["soak.py", *sys.argv[1:]]),
        "host": {"machine": platform.machine(), "cores": os.cpu_count()},
        "minutes": args.minutes,
        "settled_after_s": since_s,
        "problems": [problem for problem, is_right in checks.items() if not is_right],
        "growth_mb_per_hour": slopes,
        "first_and_last": counts,
        "camera_kills": kills,
        "links": {name: each.get("link") for name, each in summary["sources"].items()},
        "frames": total,
        "files_mb": watch.readings[-1].files_mb,
        "readings": watch.report(),
    }


def main() -> int:
    """Status 1 if there was a problem."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--settle-minutes", type=float, default=10.0, help="left out of slopes")
    parser.add_argument("--period-s", type=float, default=10.0, help="between two readings")
    parser.add_argument("--port", type=int, default=8560, help="of the first camera")
    parser.add_argument("--server-python", default="/usr/bin/python3")
    parser.add_argument("--set", action="append", default=[], help="more settings of the run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        report = soak(args, Path(folder))
    args.out.write_text(json.dumps(report, indent=2) + "\n")
    print(
        f"growth {report['growth_mb_per_hour']} MB an hour; camera kills {report['camera_kills']}"
    )
    print("; ".join(report["problems"]) or f"{args.minutes:g} minutes without growth; {args.out}")
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
