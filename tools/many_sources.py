"""Many sources at once: files of 480 lines at 5 frames a second, each as slow as a camera.

    python tools/many_sources.py --clip CLIP.mp4 --sources 32 --minutes 5 --out many.json

The clip is drawn anew at 854x480 and 5 frames a second first, and played again and again at that
speed. The report has the start-up time of every reader, what each source got of the frames due to
it, and the age of answers. Status 1 if a source was starved (less than 90 % of its frames), if a
process died, or if the ledger does not balance.
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
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from camera_drill import SIGNALLED
from kill_drill import Run, wait_until

FPS, WIDTH, HEIGHT = 5, 854, 480
STARVED_BELOW = 0.9
_START_LIMIT_S, _END_LIMIT_S = 300.0, 120.0


def redraw(clip: Path, to: Path) -> int:
    """Write the clip at 854x480 and 5 frames a second; returns the number of frames."""
    count = 0
    with av.open(str(clip)) as source, av.open(str(to), "w") as target:
        stream = target.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in source.decode(video=0):
            if frame.time is None or frame.time < count / FPS:
                continue
            drawn = frame.reformat(WIDTH, HEIGHT, "yuv420p")
            drawn.pts, drawn.time_base = count, Fraction(1, FPS)
            target.mux(stream.encode(drawn))
            count += 1
        target.mux(stream.encode())
    return count


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run it all; returns the report."""
    clip, out = folder / "clip.mp4", folder / "out"
    redraw(args.clip, clip)
    names = [f"cam{number:02}" for number in range(args.sources)]
    began_s = time.time()
    with contextlib.closing(Run(_arguments(args, names, clip, out), out, folder / "t")) as run:
        run.wait_for_results(1, _START_LIMIT_S)
        time.sleep(args.minutes * 60)
        run.process.send_signal(signal.SIGINT)
        ended_s = time.time()
        wait_until(lambda: run.process.poll() is not None, _END_LIMIT_S, "the end", poll_s=0.1)
    lines = (out / "results.jsonl").read_text().splitlines()
    records = [record for record in map(json.loads, lines) if "event" not in record]
    summary = json.loads((out / "summary.json").read_text())
    shares = {name: _share(records, name, began_s, ended_s) for name in names}
    return _report(shares, records, summary, run.process.returncode)


def _arguments(args: argparse.Namespace, names: list[str], clip: Path, out: Path) -> list[str]:
    words = ["--out", str(out)]
    settings = [f"model.name={args.model}"]
    for name in names:
        words += ["--source", f"{name}={clip}"]
        settings += [f"sources.{name}.{key}=true" for key in ("loop", "realtime")]
    return [*words, *(word for s in [*settings, *args.set] for word in ("--set", s))]


def _share(
    records: list[dict[str, Any]], name: str, began_s: float, ended_s: float
) -> dict[str, float]:
    """Start-up time of a source and what it got of the frames due to it since."""
    captured_s = [_captured_s(record) for record in records if record["source"] == name]
    if not captured_s:
        return {"start_s": float("inf"), "share": 0.0}
    due = (ended_s - captured_s[0]) * FPS
    return {
        "start_s": round(captured_s[0] - began_s, 2),
        "share": round(len(captured_s) / due, 3),
    }


def _captured_s(record: dict[str, Any]) -> float:
    return datetime.fromisoformat(record["captured_at"]).timestamp()


def _report(
    shares: dict[str, dict[str, float]],
    records: list[dict[str, Any]],
    summary: dict[str, Any],
    status: int | None,
) -> dict[str, Any]:
    total = summary["frames"]
    known = total["processed"] + sum(total["dropped"].values()) + total["in_flight"]
    starved = [name for name, each in shares.items() if each["share"] < STARVED_BELOW]
    age_ms = np.array([record["latency_ms"]["total"] for record in records])
    start_s = np.array([each["start_s"] for each in shares.values()])
    share = np.array([each["share"] for each in shares.values()])
    checks = {
        f"exit status {status}": status == SIGNALLED,
        f"starved: {starved}": not starved,
        f"ledger {total}": total["captured"] == known and total["in_flight"] == 0,
        f"restarts {summary['restarts']}": summary["restarts"] == 0,
    }
    return {
        "command": " ".join(["many_sources.py", *sys.argv[1:]]),
        "host": {"machine": platform.machine(), "cores": os.cpu_count()},
        "problems": [problem for problem, is_right in checks.items() if not is_right],
        "n": len(shares),
        "frames": total,
        "age_ms": {f"p{at}": round(float(np.percentile(age_ms, at)), 1) for at in (50, 95, 99)},
        "start_s": {"median": float(np.median(start_s)), "max": float(start_s.max())},
        "share": {"min": float(share.min()), "median": float(np.median(share))},
        "sources": shares,
    }


def main() -> int:
    """Status 1 if there was a problem."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--sources", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--set", action="append", default=[], help="more settings of the run")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="many-sources-") as folder:
        report = measure(args, Path(folder))
    args.out.write_text(json.dumps(report, indent=2) + "\n")
    for what in ("frames", "age_ms", "start_s", "share"):
        print(f"{what}: {report[what]}")
    print("; ".join(report["problems"]) or f"{args.sources} sources, none starved; {args.out}")
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
