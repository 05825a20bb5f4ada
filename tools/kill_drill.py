"""Kill drill: SIGKILL in the middle of real runs, again and again, and a count of what is lost.

Each trial starts `dart-stream run` on a clip at its own speed. When result k (drawn at random) is
written, the drill freezes a process so that work piles up, waits until telemetry reports it in
flight, and kills the child of the chosen role. The run must still end with status 0 and every
result exactly once, in order. Role `supervisor` kills the parent: its children must be gone within
5 s, and `run --resume` must finish the rest.

    python tools/kill_drill.py --clip CLIP.mp4 --model default --role worker --out drill.json
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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import av

from pipeline.snapshot import Snapshot
from pipeline.transport import SnapshotFeed, new_context

SOURCE = "lot"
FROZEN = {"worker": "worker", "reader": "worker", "sink": "sink", "supervisor": "worker"}
"""Which process is stopped so that work piles up before the kill."""
CREDITS = 8
ORPHAN_LIMIT_S = 5.0
_POLL_S = 0.001
_COMMAND = "import sys; from pipeline.cli import main; sys.exit(main())"


class DrillError(Exception):
    """A trial could not be carried out as planned."""


@dataclass(slots=True)
class Trial:
    """One kill and what came of it."""

    number: int
    role: str
    kill_at: int
    """The kill follows when this many results are written."""
    in_flight: int = 0
    """Frames (sink: records) under way at the kill, as the last telemetry counted them."""
    results: int = 0
    exit_status: int | None = None
    gone_s: float | None = None
    """Supervisor: from its death to the end of its last child."""
    recovery_s: float | None = None
    """From the kill to the next written result."""
    duration_s: float = 0.0
    had_state: bool = False
    """What adaptation had learned was on disk at the kill."""
    policies: int = 0
    """Policies that results name: more than one, and it adapted meanwhile."""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Drill:
    """What all trials share."""

    clip: Path
    model: str
    frames: int
    settings: tuple[str, ...] = ()
    """More `--set` values."""
    start_limit_s: float = 120.0
    end_limit_s: float = 240.0


class Run:
    """A `dart-stream run` in a process of its own, with a temporary folder of its own."""

    def __init__(self, arguments: list[str], out: Path, temporary: Path) -> None:
        self.out = out
        self.temporary = temporary
        temporary.mkdir(exist_ok=True)
        self._read, self._lines = 0, 0
        self._feed: SnapshotFeed | None = None
        self._context = new_context()
        with (out.parent / f"{out.name}.stderr").open("ab") as stderr:
            self.process = subprocess.Popen(  # noqa: S603  # our own command
                [sys.executable, "-c", _COMMAND, "run", "--headless", *arguments],
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=os.environ | {"TMPDIR": str(temporary)},
            )

    @property
    def num_results(self) -> int:
        """Whole lines in `results.jsonl` so far."""
        with contextlib.suppress(FileNotFoundError), (self.out / "results.jsonl").open("rb") as f:
            f.seek(self._read)
            chunk = f.read()
            self._read += len(chunk)
            self._lines += chunk.count(b"\n")
        return self._lines

    def wait_for_results(self, count: int, limit_s: float) -> None:
        """Wait until so many are written.

        Raises:
            DrillError: They were not in time, or the run ended before.
        """
        wait_until(
            lambda: self.num_results >= count or self.process.poll() is not None,
            limit_s,
            f"result {count}",
        )
        if self.num_results < count:
            raise DrillError(f"ended with {self.num_results} results, expected {count} at least")

    @property
    def folders(self) -> list[Path]:
        """Folders of sockets that exist."""
        return [*self.temporary.glob("dart-*"), *self.temporary.glob(".dart-*")]

    def pid_of(self, role: str) -> int:
        """Process number of the supervisor, or of its first child of a role."""
        if role == "supervisor":
            return self.process.pid
        for pid in self.alive():
            if _command_line(pid)[-4:-1] == ["-m", "pipeline.child", role]:
                return pid
        raise DrillError(f"expected a living {role}, found none")

    def alive(self) -> list[int]:
        """Every process of this run, told by its temporary folder."""
        mark = f"TMPDIR={self.temporary}".encode()
        return [pid for pid in _all_pids() if mark in _environment(pid)]

    def snapshot(self, limit_s: float) -> Snapshot:
        """The next published state."""
        if self._feed is None:
            self._feed = SnapshotFeed(self._context, f"ipc://{self.folders[0]}/telemetry")
        snapshot = self._feed.newest(timeout_ms=int(limit_s * 1e3))
        if snapshot is None:
            raise DrillError(f"no telemetry within {limit_s:g} s")
        return snapshot

    def close(self) -> None:
        """End whatever is left of it."""
        for pid in self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self._feed is not None:
            self._feed.close()
        self._context.destroy(linger=0)


def run_trial(drill: Drill, trial: Trial, folder: Path) -> Trial:
    """Carry out one trial in an empty folder; what went wrong stands in `problems`."""
    begin_s = time.monotonic()
    out = folder / "out"
    arguments = ["--source", f"{SOURCE}={drill.clip}", "--out", str(out)]
    settings = (f"sources.{SOURCE}.realtime=true", f"model.name={drill.model}", *drill.settings)
    for setting in settings:
        arguments += ["--set", setting]
    try:
        with contextlib.closing(Run(arguments, out, folder / "t")) as run:
            _strike(drill, trial, run)
            if trial.role == "supervisor":
                _watch_children_leave(trial, run)
            else:
                _wait_for_end(drill, trial, run)
        if trial.role == "supervisor":
            with contextlib.closing(Run(["--resume", str(out)], out, folder / "t")) as run:
                _wait_for_end(drill, trial, run)
        _check_results(drill, trial, out)
    except DrillError as error:
        trial.problems.append(str(error))
    trial.duration_s = round(time.monotonic() - begin_s, 2)
    return trial


# --- the kill -------------------------------------------------------------------------------------


def _strike(drill: Drill, trial: Trial, run: Run) -> None:
    """Kill when result k is there and work is in flight."""
    run.wait_for_results(1, drill.start_limit_s)
    run.snapshot(limit_s=10)  # subscribed from here on
    victim, frozen = run.pid_of(trial.role), run.pid_of(FROZEN[trial.role])
    run.wait_for_results(trial.kill_at, drill.end_limit_s)
    os.kill(frozen, signal.SIGSTOP)
    try:
        trial.in_flight = _work_in_flight(trial.role, run)
        written = run.num_results
        trial.had_state = (run.out / "adapter.mpk").exists()
        os.kill(victim, signal.SIGKILL)
    finally:
        with contextlib.suppress(ProcessLookupError):  # it is the victim, and already buried
            os.kill(frozen, signal.SIGCONT)
    if trial.role != "supervisor":
        killed_s = time.monotonic()
        wait_until(
            lambda: run.num_results > written, drill.start_limit_s, "a result after the kill"
        )
        trial.recovery_s = round(time.monotonic() - killed_s, 3)


def _work_in_flight(role: str, run: Run) -> int:
    """Wait until telemetry counts some; what was published before now does not count."""
    now_s, deadline_s = time.time(), time.monotonic() + 10
    while time.monotonic() < deadline_s:
        snapshot = run.snapshot(limit_s=5)
        if snapshot.time_s <= now_s:
            continue
        ledger = snapshot.ledger
        count = ledger.processed - run.num_results if role == "sink" else ledger.in_flight
        if count > 0:
            return count
    raise DrillError("nothing came into flight within 10 s")


def _watch_children_leave(trial: Trial, run: Run) -> None:
    killed_s = time.monotonic()
    run.process.wait()
    wait_until(lambda: not run.alive(), 2 * ORPHAN_LIMIT_S, "the end of the children", poll_s=0.02)
    trial.gone_s = round(time.monotonic() - killed_s, 2)
    if trial.gone_s > ORPHAN_LIMIT_S:
        trial.problems.append(f"children lived on for {trial.gone_s} s")
    if run.folders:
        trial.problems.append(f"left behind: {run.folders}")


def _wait_for_end(drill: Drill, trial: Trial, run: Run) -> None:
    wait_until(
        lambda: run.process.poll() is not None, drill.end_limit_s, "the end of the run", poll_s=0.02
    )
    trial.exit_status = run.process.returncode
    if run.alive() or run.folders:
        trial.problems.append(f"left behind: processes {run.alive()}, folders {run.folders}")


# --- the check ------------------------------------------------------------------------------------


def _check_results(drill: Drill, trial: Trial, out: Path) -> None:
    records = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    ends = [record for record in records if "event" in record]
    keys = [(r["source"], r["frame"], r["region"]) for r in records if "event" not in r]
    trial.results = len(keys)
    frames = json.loads((out / "summary.json").read_text())["frames"]
    expected = [(SOURCE, number, 0) for number in range(drill.frames)]
    whole = {"captured": drill.frames, "processed": drill.frames, "dropped": {}, "in_flight": 0}
    checks = {
        f"exit status {trial.exit_status}": trial.exit_status == 0,
        f"{len(keys)} results, {len(set(keys))} different": sorted(set(keys)) == expected
        and len(keys) == drill.frames,
        "results out of order": keys == sorted(keys),
        f"end of stream: {ends}": len(ends) == 1
        and records[-1] is ends[0]
        and ends[0]["reason"] == "complete",
        f"ledger {frames}": {key: frames[key] for key in whole} == whole,
    }
    checks |= _check_policies(trial, out, [r for r in records if "event" not in r])
    trial.problems += [problem for problem, is_right in checks.items() if not is_right]


def _check_policies(trial: Trial, out: Path, results: list[dict[str, Any]]) -> dict[str, bool]:
    """Every result names a policy, and none an older one than the result before."""
    versions = [result.get("policy_version") for result in results]
    known = [version for version in versions if isinstance(version, int)]
    trial.policies = len(set(known))
    log = (out / "run.log").read_text()
    return {
        "results without a policy": len(known) == len(versions),
        "policy versions go back": known == sorted(known),
        "adaptation did not go on from its state": trial.role != "supervisor"
        or not trial.had_state
        or "adaptation goes on from" in log,
    }


def wait_until(
    condition: Callable[[], bool], limit_s: float, what: str, *, poll_s: float = _POLL_S
) -> None:
    """Poll a condition.

    Raises:
        DrillError: It did not come true in time.
    """
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise DrillError(f"waited {limit_s:g} s for {what}")
        time.sleep(poll_s)


# --- processes ------------------------------------------------------------------------------------


def _all_pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []  # gone, or not ours


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().removesuffix("\0").split("\0")
    except OSError:
        return []


# --- the command ----------------------------------------------------------------------------------


def main() -> int:
    """Run the trials; status 1 if any of them found a problem."""
    args = _parse()
    drill = Drill(args.clip.resolve(), args.model, count_frames(args.clip), tuple(args.set))
    # A reader with no more than its credits to go sends them and leaves before it can be killed.
    last = drill.frames - (CREDITS + 2 if args.role == "reader" else 1)
    chance = random.Random(args.seed)
    trials = [Trial(i, args.role, chance.randint(1, last)) for i in range(args.times)]
    print(
        f"{'trial':>5} {'role':<10} {'k':>4} {'in flight':>9} {'results':>7} {'exit':>4} "
        f"{'policies':>8}  outcome"
    )
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        roots = [Path(folder) / str(trial.number) for trial in trials]
        for root in roots:
            root.mkdir()
        with ThreadPoolExecutor(args.parallel) as pool:
            for trial in pool.map(run_trial, [drill] * len(trials), trials, roots):
                _print_row(trial)
    report = _report(drill, args, last, trials)
    args.out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"{report['passed']} of {args.times} without loss; {args.out}")
    return 0 if report["passed"] == args.times else 1


def count_frames(clip: Path) -> int:
    """Pictures that a file decodes to."""
    with av.open(str(clip)) as container:
        return sum(1 for _ in container.decode(video=0))


def _print_row(trial: Trial) -> None:
    outcome = "; ".join(trial.problems) or "ok"
    print(
        f"{trial.number:>5} {trial.role:<10} {trial.kill_at:>4} {trial.in_flight:>9} "
        f"{trial.results:>7} {trial.exit_status!s:>4} {trial.policies:>8}  {outcome}",
        flush=True,
    )


def _report(
    drill: Drill, args: argparse.Namespace, last: int, trials: list[Trial]
) -> dict[str, Any]:
    return {
        "command": " ".join(["kill_drill.py", *sys.argv[1:]]),
        "host": {
            "system": platform.system(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "clip": drill.clip.name,
        "frames": drill.frames,
        "model": Path(drill.model).name,
        "role": args.role,
        "times": args.times,
        "kill_at_range": [1, last],
        "passed": sum(not trial.problems for trial in trials),
        "in_flight_min": min(trial.in_flight for trial in trials),
        "policies_min": min(trial.policies for trial in trials),
        "results_lost": sum(drill.frames - trial.results for trial in trials),
        "gone_s_max": max((t.gone_s for t in trials if t.gone_s is not None), default=None),
        "recovery_s_max": max(
            (t.recovery_s for t in trials if t.recovery_s is not None), default=None
        ),
        "trials": [asdict(trial) for trial in trials],
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--role", choices=FROZEN, required=True)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--parallel", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="more settings of the run")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
