"""One run as a person sees it: screen or lines, Ctrl-C, summary at the end."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from rich.console import Console

from pipeline.cli.complaint import complain
from pipeline.config import MonitorConfig
from pipeline.snapshot import Snapshot
from pipeline.supervisor import Origin, Outcome, RunPlan, Supervisor
from pipeline.supervisor.recording import SUMMARY, write_summary
from pipeline.ui.keyboard import terminal_kept
from pipeline.ui.lines import one_line, summary_table


def run_session(
    plan: RunPlan,
    out: Path,
    *,
    headless: bool = False,
    resume: bool = False,
    limit_s: float = 0.0,
    origin: Origin | None = None,
) -> int:
    """Run a plan with its monitor; returns the exit status.

    Args:
        plan: What to run.
        out: Where the results go; exists.
        headless: Neither screen nor progress lines.
        resume: `out` holds an unfinished run.
        limit_s: End orderly after so many seconds of results; 0 runs to the end.
        origin: Where the plan's configuration comes from; None takes it as it is.
    """
    monitor = plan.config.monitor
    screen = not headless and _wants_screen(monitor)
    lines = not headless and not screen and monitor.ui != "off"
    watchers = _Watchers(monitor.line_interval_s if lines else None, limit_s)
    supervisor = Supervisor(
        plan, out, screen=screen, on_snapshot=watchers.see, resume=resume, origin=origin
    )
    watchers.supervisor = supervisor
    with _interrupts(supervisor):
        with _screen_left(is_used=screen):
            outcome = supervisor.run()
        outcome, is_kept = _with_summary(outcome, out)
    # Figures that no file has are shown, whoever asked for silence.
    _report(outcome, out, quiet=headless and is_kept)
    if watchers.limit_reached and outcome.exit_status == 130:
        return 0
    return outcome.exit_status


def _with_summary(outcome: Outcome, out: Path) -> tuple[Outcome, bool]:
    """Write the summary, and say whether it is kept; without room for it the run has failed."""
    try:
        write_summary(out, outcome.summary)
    except OSError as error:
        words = f"{out / SUMMARY}: {error.strerror}; make room, `report` shows what was recorded"
        status, error_words = outcome.exit_status or 1, outcome.error or words
        return replace(outcome, exit_status=status, error=error_words), False
    return outcome, True


class _Watchers:
    """Prints a line every few seconds and watches a time limit."""

    def __init__(self, line_interval_s: float | None, limit_s: float) -> None:
        self.supervisor: Supervisor | None = None
        self.limit_reached = False
        self._line_interval_s = line_interval_s
        self._limit_s = limit_s
        self._next_line_s = 0.0
        self._begin_s: float | None = None

    def see(self, snapshot: Snapshot) -> None:
        now_s = time.monotonic()
        if self._line_interval_s is not None and now_s >= self._next_line_s:
            self._next_line_s = now_s + self._line_interval_s
            self._print(one_line(snapshot))
        if self._begin_s is None and snapshot.regions:
            self._begin_s = now_s
        if self._limit_s and self._begin_s is not None and not self.limit_reached:
            self._watch_limit(now_s - self._begin_s)

    def _print(self, line: str) -> None:
        """Write the monitor's line; when nobody reads it any more, the run goes on in silence."""
        try:
            print(line, flush=True)  # noqa: T201  # the monitor without a terminal
        except OSError:
            self._line_interval_s = None
            _silence(sys.stdout)

    def _watch_limit(self, elapsed_s: float) -> None:
        if elapsed_s >= self._limit_s and self.supervisor is not None:
            self.limit_reached = True
            self.supervisor.interrupt(only_once=True)


def _wants_screen(monitor: MonitorConfig) -> bool:
    if monitor.ui == "auto":
        return sys.stdout.isatty()
    return monitor.ui == "live"


@contextlib.contextmanager
def _interrupts(supervisor: Supervisor) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a lost terminal drain; a second one ends at once.

    SIGHUP from anybody else has the configuration read again.
    """
    had_terminal = _has_terminal()

    def hang_up(*_: object) -> None:
        if had_terminal and not _has_terminal():
            supervisor.interrupt()
        else:
            supervisor.reload()

    handlers: dict[signal.Signals, Callable[..., None]] = {
        number: lambda *_: supervisor.interrupt() for number in (signal.SIGINT, signal.SIGTERM)
    }
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it stays ignored
        handlers[signal.SIGHUP] = hang_up
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _has_terminal() -> bool:
    """Whether this process belongs to a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _screen_left(*, is_used: bool) -> Iterator[None]:
    """A monitor that was killed could not give the terminal back."""
    if not is_used:
        yield
        return
    with terminal_kept(sys.stdout.fileno()):
        yield


def _report(outcome: Outcome, out: Path, *, quiet: bool) -> None:
    if not quiet:
        try:
            _print_summary(outcome, out)
        except OSError:
            _silence(sys.stdout)
    if outcome.error is not None:
        complain(outcome.error)


def _print_summary(outcome: Outcome, out: Path) -> None:
    console = Console()
    console.print(summary_table(outcome.summary))
    console.print(f"results in {out}", markup=False, highlight=False, soft_wrap=True)
    sys.stdout.flush()


def _silence(stream: TextIO) -> None:
    """Nobody reads it any more; what is still written to it must not end the run."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
