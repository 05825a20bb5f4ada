"""`dart-stream report`: a run as one HTML page."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.errors import ConfigError
from pipeline.one_line import one_line
from pipeline.recording import RecordedRun
from pipeline.supervisor.recording import RESOLVED, SUMMARY

if TYPE_CHECKING:
    from pipeline.report import Story

HELP = "write a recorded run as one HTML page"

_PAGE: Final = "report.html"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `report`."""
    parser.add_argument("run", metavar="DIR", type=Path, help="folder of a run")
    parser.add_argument(
        "--out", metavar="FILE.html", type=Path, help=f"where to (default: DIR/{_PAGE})"
    )


def execute(args: argparse.Namespace) -> int:
    """Read the recording, write the page.

    Raises:
        ConfigError: The folder holds no recording, or the page cannot be written there.
    """
    from pipeline.report import run_page

    out = args.out or args.run / _PAGE
    story = _gathered(args.run)
    try:
        # Only the name of a folder may hold what is no text.
        out.write_text(run_page(story), encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"--out: cannot write {out}: {error.strerror}") from error
    for words in story.complaints:
        print(f"dart-stream: {one_line(words)}; left out", file=sys.stderr)  # noqa: T201  # the place for it
    print(one_line(str(out)))  # noqa: T201  # the result of the command
    return 0


def _gathered(folder: Path) -> "Story":
    """Read the recording, which may take a minute for a gigabyte."""
    from rich.console import Console
    from rich.progress import Progress

    from pipeline.report import gather

    run = RecordedRun(folder)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=run.size_bytes)
        return gather(
            run,
            folder,
            files=(SUMMARY, RESOLVED),
            on_bytes=lambda count: progress.update(task, completed=count),
        )
