"""A run to be disturbed: a process of its own on a terminal of its own, watched from outside."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline.chaos.results_tail import ResultsTail
from pipeline.chaos.stages import SUPERVISOR, Stage, children_of
from pipeline.errors import ConfigError, StageError
from pipeline.running import RunningRun, find_running
from pipeline.snapshot import Ledger, Snapshot
from pipeline.transport import SnapshotFeed, new_context

_COMMAND: Final = "import sys; from pipeline.cli import main; sys.exit(main())"
_LOOK_S: Final = 0.05
_COUNT_S: Final = 0.2
"""Between two looks at the processes."""
_KEPT_PROBLEMS: Final = 20


class RunEndedError(StageError):
    """The run has ended before it was asked to."""


class Scene:
    """Starts `dart-stream run` and looks after it.

    Args:
        config: Its configuration.
        out: Its folder, which it makes.
        results: Where it writes results, within `out`.
        errors: File for what it says on standard error.
        environment: Added to our own.
    """

    def __init__(
        self,
        config: Path,
        out: Path,
        results: str,
        errors: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.out = out
        self._errors = errors
        self.tail = ResultsTail(out / results)
        self.snapshot: Snapshot | None = None
        """The newest that came."""
        self.snapshots = 0
        self.problems: list[str] = []
        """Ledgers of snapshots that did not balance."""
        self.children: dict[Stage, int] = {}
        """The last process of each stage."""
        self.born_s: dict[Stage, deque[float]] = {}
        """When each stage was seen to be started again."""
        self.restarts: Counter[Stage] = Counter()
        self._alive: list[Stage] = []
        self._due_s = 0.0
        self._feed: SnapshotFeed | None = None
        self._found: RunningRun | None = None
        self._context = new_context()
        terminal, theirs = pty.openpty()
        with errors.open("ab") as stderr:
            self.process = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-P", "-c", _COMMAND, "run", str(config), "--out", str(out)],
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=stderr,
                env=os.environ | {"COLUMNS": "120", "LINES": "40"} | dict(environment),
                start_new_session=True,  # Ctrl-C is for us: we end it in good order
            )
        os.close(theirs)
        self._drain = threading.Thread(target=_drain, args=(terminal,), daemon=True)
        self._drain.start()

    # --- what a fault needs -----------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Of its sockets."""
        if self._found is None:
            self._found = find_running(str(self.out))
        return self._found.folder

    def pid_of(self, stage: Stage) -> int | None:
        """Its process now; None while it has none."""
        if stage.role == SUPERVISOR:
            return self.process.pid
        return children_of(self.process.pid).get(stage)

    def pids(self) -> list[int]:
        """The supervisor first, then all of its children."""
        return [self.process.pid, *children_of(self.process.pid).values()]

    def living(self) -> dict[Stage, int]:
        """Its children now."""
        self._look_at_children(time.monotonic())
        return {stage: self.children[stage] for stage in self._alive}

    def wait(self, seconds: float) -> None:
        """Let time pass and keep looking.

        Raises:
            RunEndedError: It ends meanwhile.
        """
        deadline_s = time.monotonic() + seconds
        while True:
            self.look()
            if self.process.poll() is not None:
                raise RunEndedError(
                    f"the run ended by itself with status {self.exit_status}: {self.last_words}"
                )
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(_LOOK_S, left_s))

    # --- looking ----------------------------------------------------------------------------------

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self.process.poll()

    @property
    def last_words(self) -> str:
        """The last line of its standard error."""
        lines = self._errors.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"

    def look(self) -> None:
        """Take what has come: results, snapshots, births."""
        self.tail.read()
        self._look_at_telemetry()
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + _COUNT_S
            self._look_at_children(now_s)

    def _look_at_telemetry(self) -> None:
        if self._feed is None:
            with contextlib.suppress(ConfigError):  # it has no sockets yet
                self._feed = SnapshotFeed(self._context, f"ipc://{self.folder}/telemetry")
            return
        snapshot = self._feed.newest(timeout_ms=0)
        if snapshot is None:
            return
        self.snapshot = snapshot
        self.snapshots += 1
        ledgers = {"all": snapshot.ledger} | {each.name: each.ledger for each in snapshot.sources}
        for name, ledger in ledgers.items():
            if not _balances(ledger) and len(self.problems) < _KEPT_PROBLEMS:
                self.problems.append(f"ledger of {name} while running: {ledger}")

    def _look_at_children(self, now_s: float) -> None:
        found = children_of(self.process.pid)
        for stage, pid in found.items():
            if self.children.get(stage, pid) != pid:
                self.restarts[stage] += 1
                self.born_s.setdefault(stage, deque(maxlen=100)).append(now_s)
        self.children |= found
        self._alive = list(found)

    # --- the end ----------------------------------------------------------------------------------

    def end(self, limit_s: float) -> bool:
        """Ask it to finish what it accepted, and wait; False if it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        deadline_s = time.monotonic() + limit_s
        while self.process.poll() is None and time.monotonic() < deadline_s:
            self._look_at_telemetry()
            time.sleep(_LOOK_S)
        return self.process.poll() is not None

    def left_behind(self, limit_s: float) -> list[str]:
        """Processes and folders that should have gone with it, after some time to go."""
        deadline_s = time.monotonic() + limit_s
        while (left := self._left()) and time.monotonic() < deadline_s:
            time.sleep(_LOOK_S)
        return left

    def _left(self) -> list[str]:
        pids = [(stage, pid) for stage, pid in self.children.items() if _lives(pid, stage)]
        left = [f"process {pid} ({stage})" for stage, pid in pids]
        if self._found is not None and self._found.folder.exists():
            left.append(f"folder {self._found.folder}")
        return left

    def close(self) -> None:
        """End whatever is left of it."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self._feed is not None:
            self._feed.close()
        self._context.destroy(linger=0)
        self._drain.join(timeout=5.0)


def _balances(ledger: Ledger) -> bool:
    return ledger.captured == ledger.processed + sum(ledger.dropped.values()) + ledger.in_flight


def _lives(pid: int, stage: Stage) -> bool:
    try:
        words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return stage.name.encode() in words and b"pipeline.child" in words


def _drain(terminal: int) -> None:
    # Linux ends a terminal without writers with an error.
    with contextlib.suppress(OSError):
        while os.read(terminal, 65_536):
            continue
    os.close(terminal)
