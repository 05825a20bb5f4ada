"""`dart-stream replay`: a recorded run, as it was seen."""

import argparse
import contextlib
import math
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from pipeline.cli.replay_keys import LeftReplay, ReplayKeys
from pipeline.cli.terminated import terminated_as_interrupted
from pipeline.errors import ConfigError
from pipeline.one_line import one_line as on_one_line
from pipeline.recording import RecordedRun
from pipeline.run_figures import read_figures
from pipeline.snapshot import Snapshot
from pipeline.supervisor.recording import SUMMARY
from pipeline.ui.keyboard import keyboard_if_any
from pipeline.ui.lines import one_line, summary_table
from pipeline.ui.live import LiveScreen
from pipeline.ui.player import Player, play

HELP = "show a recorded run again"

_LINE_INTERVAL_S: Final = 5.0
"""Of the recording; as `run` does by default."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `replay`."""
    parser.add_argument("run", metavar="DIR", type=Path, help="folder of a run")
    parser.add_argument(
        "--speed", metavar="X", type=float, default=1.0, help="times its own pace (default: 1)"
    )


def execute(args: argparse.Namespace) -> int:
    """Play to the end; Ctrl-C leaves.

    Raises:
        ConfigError: The folder holds no recording, or a flag is wrong.
    """
    if not (math.isfinite(args.speed) and args.speed > 0):
        raise ConfigError(f"--speed: expected a number above 0, got {args.speed:g}")
    recorded = RecordedRun(args.run)
    player = Player(recorded.snapshots(), args.speed)
    if player.is_over:
        why = "; ".join(recorded.complaints) or "it ended before the first was taken"
        raise ConfigError(f"{args.run}: expected snapshots of a run, found none: {why}")
    console = Console()
    # rich alone takes FORCE_COLOR for a terminal, where colour may go into a file.
    if sys.stdout.isatty() and console.is_terminal:
        _on_screen(player, console, args.run)
    else:
        _as_lines(player)
    print_summary(args.run, console)
    for words in recorded.complaints:
        print(f"dart-stream: {on_one_line(words)}; shown as far as it goes", file=sys.stderr)  # noqa: T201
    return 0


def _on_screen(player: Player, console: Console, run: Path) -> None:
    with (
        terminated_as_interrupted(),
        LiveScreen(console) as screen,
        keyboard_if_any(console.file) as keyboard,
    ):

        def show(due: list[Snapshot]) -> None:
            *passed, last = due
            for snapshot in passed:
                screen.remember(snapshot)
            screen.show(msgspec.structs.replace(last, log=words_of(last, run, player.speed)))

        with contextlib.suppress(LeftReplay):
            play(player, show, ReplayKeys(player, keyboard).wait, time.monotonic)


def _as_lines(player: Player) -> None:
    next_at_s = -math.inf
    last: Snapshot | None = None

    def show(due: list[Snapshot]) -> None:
        nonlocal next_at_s, last
        for snapshot in due:
            last = snapshot
            was_set_back = snapshot.time_s < next_at_s - _LINE_INTERVAL_S
            if snapshot.time_s >= next_at_s or was_set_back:
                next_at_s = snapshot.time_s + _LINE_INTERVAL_S
                last = None
                print(one_line(snapshot), flush=True)  # noqa: T201  # the monitor without a terminal

    play(player, show, time.sleep, time.monotonic)
    if last is not None:
        print(one_line(last), flush=True)  # noqa: T201  # likewise


def words_of(snapshot: Snapshot, run: Path, speed: float) -> list[str]:
    """Where the live monitor has the log, which is a file of its own."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(snapshot.time_s))
    return [
        f"replay of {run}, {speed:g} times its pace: {moment}; the log is in run.log",
        "p pause   + - faster, slower   q quit",
    ]


def print_summary(run: Path, console: Console) -> None:
    """The figures at the end, or why there are none."""
    try:
        summary = read_figures(run / SUMMARY)
    except ValueError as error:
        console.print(f"{SUMMARY} cannot be read: {error}", markup=False)
        return
    if summary is None:
        console.print(f"no {SUMMARY}: the run was killed, or is still going on")
    else:
        console.print(summary_table(summary))
