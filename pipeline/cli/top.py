"""`dart-stream top`: the monitor of a pipeline that runs already."""

import argparse
import json
import sys
import time
from typing import Final

import msgspec

from pipeline.cli.terminated import terminated_as_interrupted
from pipeline.errors import PeerError
from pipeline.roles.watch import Watch
from pipeline.running import RunningRun, find_running
from pipeline.snapshot import Snapshot
from pipeline.transport import ControlClient, SnapshotFeed, new_context
from pipeline.ui.keyboard import keyboard_if_any
from pipeline.ui.lines import one_line
from pipeline.ui.live import LiveScreen

HELP = "watch a pipeline that runs"

FIRST_WORD_MS: Final = 5_000
"""A run publishes twice a second; one that says nothing for so long is stuck."""
_LINE_S: Final = 5.0
_TURN_MS: Final = 200
_SILENT_S: Final = 3.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `top`."""
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        nargs="?",
        help="output folder of the run, its name, or its process number; may be left out if "
        "only one runs",
    )
    parser.add_argument("--once", action="store_true", help="print one snapshot as JSON and end")


def execute(args: argparse.Namespace) -> int:
    """Watch until the run is done or the screen is left."""
    run = find_running(args.address)
    context = new_context()
    feed = SnapshotFeed(context, run.telemetry)
    client = ControlClient(context, run.control)
    try:
        if args.once:
            return _once(feed, run)
        if sys.stdout.isatty():
            return _screen(feed, client, run)
        return _lines(feed, run)
    finally:
        feed.close()
        client.close()
        context.destroy(linger=0)


def _once(feed: SnapshotFeed, run: RunningRun) -> int:
    snapshot = feed.newest(FIRST_WORD_MS)
    if snapshot is None:
        raise PeerError(f"{run.out}: no snapshot within {FIRST_WORD_MS / 1e3:g} s")
    print(json.dumps(msgspec.to_builtins(snapshot)))  # noqa: T201  # the answer
    return 0


def _screen(feed: SnapshotFeed, client: ControlClient, run: RunningRun) -> int:
    with (
        terminated_as_interrupted(),
        LiveScreen() as screen,
        keyboard_if_any(sys.stdout) as keyboard,
    ):
        watch = Watch(screen, feed, client, keyboard, attached=True)
        while not watch.is_over:
            watch.turn()
            if watch.silent_s > _SILENT_S:
                if not run.is_alive:
                    break
                watch.say(_silence(watch.silent_s))
    return _verdict(watch.last, run, left=watch.has_left)


def _lines(feed: SnapshotFeed, run: RunningRun) -> int:
    last, due_s, heard_s = None, 0.0, time.monotonic()
    while last is None or last.state != "done":
        snapshot = feed.newest(_TURN_MS)
        now_s = time.monotonic()
        if snapshot is not None:
            last, heard_s = snapshot, now_s
            if now_s >= due_s or snapshot.state == "done":
                due_s = now_s + _LINE_S
                print(one_line(snapshot), flush=True)  # noqa: T201  # the monitor without a terminal
        elif now_s - heard_s > _SILENT_S:
            if not run.is_alive:
                break
            if now_s >= due_s:
                due_s = now_s + _LINE_S
                print(_silence(now_s - heard_s), flush=True)  # noqa: T201  # likewise
    return _verdict(last, run, left=False)


def _silence(seconds: float) -> str:
    return f"✗ no word from the run for {seconds:.0f} s"


def _verdict(last: Snapshot | None, run: RunningRun, *, left: bool) -> int:
    """0 if the run went on or came to its end."""
    if left or (last is not None and last.state == "done"):
        return 0
    raise PeerError(f"{run.out}: the run has ended without a word")
