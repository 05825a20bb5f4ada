"""Camera drill: a real RTSP server that is killed and restarted, again and again, during one run.

The run has two sources: the camera, and a file beside it. Each time the camera gives pictures, the
server is killed with -9 after a random moment, stays away for a random time (every tenth time for
5 s) and comes back. At the end the drill asks: did every absence end in a reconnect, is every gap
marked by the next segment, are frames in order and times never falling, is the file complete, and
does the ledger balance?

    python tools/camera_drill.py --clip CLIP.mp4 --times 100 --out drill.json

Needs what `tools/rtsp_server.py` needs.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from kill_drill import Run, count_frames, wait_until

CAMERA, BESIDE = "cam", "file"
LONG_S = 5.0
SIGNALLED = 130
"""Exit status of a run that was interrupted and drained."""
_LIMIT_S, _START_LIMIT_S = 60.0, 120.0


class Server:
    """The RTSP server in a process of its own."""

    def __init__(self, python: str, port: int, clip: Path) -> None:
        script = Path(__file__).with_name("rtsp_server.py")
        self._command = [python, str(script), str(port), str(clip)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once clients may come."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)  # noqa: S603
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            sys.exit(f"{' '.join(self._command)}: did not start")

    def close(self) -> None:
        """End it, if it lives."""
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


def drill(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run it all; returns the report."""
    chance = random.Random(args.seed)
    server = Server(args.server_python, args.port, args.clip.resolve())
    server.start()
    frames = count_frames(args.clip) * args.loops
    out = folder / "out"
    with (
        contextlib.closing(server),
        contextlib.closing(Run(_arguments(args, out), out, folder / "t")) as run,
    ):
        run.wait_for_results(1, _START_LIMIT_S)
        # A clip that ends before the first answer is there has been reopened already.
        before = _source(run, CAMERA).reconnects
        numbers = range(before, before + args.times)
        outages = [_outage(number, server, run, chance) for number in numbers]
        wait_until(lambda: _source(run, BESIDE).state == "ended", 3600, "the file", poll_s=0.5)
        run.process.send_signal(signal.SIGINT)
        wait_until(lambda: run.process.poll() is not None, _LIMIT_S, "the end", poll_s=0.1)
    problems = _problems(out, args.times, before, frames)
    if run.process.returncode != SIGNALLED:
        problems.append(f"exit status {run.process.returncode}")
    return _report(args, out, outages, problems)


def _arguments(args: argparse.Namespace, out: Path) -> list[str]:
    settings = [
        f"model.name={args.model}",
        "adaptation.enabled=false",
        f"sources.{CAMERA}.transport={args.transport}",
        f"sources.{CAMERA}.reconnect={{first: 0.5, cap: 2}}",
        f"sources.{CAMERA}.stall_after=3",
        f"sources.{BESIDE}.loop={args.loops}",
        f"sources.{BESIDE}.realtime=true",
        *args.set,
    ]
    camera = f"{CAMERA}=rtsp://viewer:secret@127.0.0.1:{args.port}/cam"
    sources = ["--source", camera, "--source", f"{BESIDE}={args.clip.resolve()}"]
    return ["--out", str(out), *sources, *(word for s in settings for word in ("--set", s))]


def _outage(number: int, server: Server, run: Run, chance: random.Random) -> dict[str, float]:
    """Kill it, wait, start it; how long the server was away and how long pictures took then."""
    wait_until(lambda: _is_back(run, number), _LIMIT_S, f"picture after {number}", poll_s=0)
    time.sleep(chance.uniform(0.2, 1.0))
    away_s = LONG_S if number % 10 == 9 else chance.uniform(0.2, 1.5)
    server.kill()
    killed_s = time.monotonic()
    time.sleep(away_s)
    server.start()
    started_s = time.monotonic()
    wait_until(lambda: _is_back(run, number + 1), _LIMIT_S, f"reconnect {number + 1}", poll_s=0)
    back_s = time.monotonic() - started_s
    print(f"{number + 1:>4}  away {started_s - killed_s:5.2f} s  pictures {back_s:5.2f} s later")
    return {"away_s": round(started_s - killed_s, 2), "back_s": round(back_s, 2)}


def _is_back(run: Run, reconnects: int) -> bool:
    source = _source(run, CAMERA)
    return source.state == "running" and source.reconnects == reconnects


def _source(run: Run, name: str) -> Any:
    return next(each for each in run.snapshot(limit_s=_LIMIT_S).sources if each.name == name)


# --- the check ------------------------------------------------------------------------------------


def _problems(out: Path, times: int, before: int, frames: int) -> list[str]:
    records = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    summary = json.loads((out / "summary.json").read_text())
    camera = [r for r in records if r["source"] == CAMERA and "event" not in r]
    beside = [r["frame"] for r in records if r["source"] == BESIDE and "event" not in r]
    link, total = summary["sources"][CAMERA]["link"], summary["frames"]
    known = total["processed"] + sum(total["dropped"].values()) + total["in_flight"]
    segments = sorted({r["segment"] for r in camera})
    texts = [(out / "run.log").read_text(), json.dumps(summary), json.dumps(records)]
    checks = {
        f"link {link}": link["reconnects"] == link["gaps"] == before + times,
        f"segments {segments}": segments == list(range(segments[-1] + 1)),
        f"{len(segments)} segments for {times} absences": len(segments) > times,
        "camera frames out of order": all(a["frame"] < b["frame"] for a, b in pairwise(camera)),
        "camera times fall": all(a["pts_s"] <= b["pts_s"] for a, b in pairwise(camera)),
        "segments fall": all(a["segment"] <= b["segment"] for a, b in pairwise(camera)),
        f"file: {len(beside)} frames of {frames}": beside == list(range(frames)),
        f"ledger {total}": total["captured"] == known and total["in_flight"] == 0,
        f"restarts {summary['restarts']}": summary["restarts"] == 0,
        "a password is written": not any("secret" in text for text in texts),
    }
    return [problem for problem, is_right in checks.items() if not is_right]


def _report(
    args: argparse.Namespace, out: Path, outages: list[dict[str, float]], problems: list[str]
) -> dict[str, Any]:
    summary = json.loads((out / "summary.json").read_text())
    back_s = sorted(each["back_s"] for each in outages)
    return {
        "command": " ".join(["camera_drill.py", *sys.argv[1:]]),
        "host": {"machine": platform.machine(), "cores": os.cpu_count()},
        "clip": args.clip.name,
        "transport": args.transport,
        "times": args.times,
        "problems": problems,
        "link": summary["sources"][CAMERA]["link"],
        "frames": {name: each["frames"] for name, each in summary["sources"].items()},
        "restarts": summary["restarts"],
        "back_s_median": back_s[len(back_s) // 2],
        "back_s_max": back_s[-1],
        "outages": outages,
    }


def main() -> int:
    """Status 1 if there was a problem."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--loops", type=int, default=5, help="of the file; shorter than the drill")
    parser.add_argument("--transport", choices=["tcp", "udp"], default="tcp")
    parser.add_argument("--port", type=int, default=8554)
    parser.add_argument("--server-python", default="/usr/bin/python3")
    parser.add_argument("--set", action="append", default=[], help="more settings of the run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="camera-drill-") as folder:
        report = drill(args, Path(folder))
    args.out.write_text(json.dumps(report, indent=2) + "\n")
    print("; ".join(report["problems"]) or f"{args.times} times without loss; {args.out}")
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
