"""`dart-stream doctor`: can the pipeline run on this machine, and how well."""

import argparse
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.doctor import Check, Verdict, examine

HELP = "check this machine"

_STYLE: Final[dict[Verdict, str]] = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `doctor`."""
    parser.add_argument("--model", metavar="M", default="default", help="model that must load")


def execute(args: argparse.Namespace) -> int:
    """Print what is found as it is found; 0 if the pipeline can run, else 1."""
    console = Console()
    verdicts: list[Verdict] = []
    for check in examine(args.model):
        console.print(_row(check))
        verdicts.append(check.verdict)
    console.print(Text(_conclusion(verdicts)))
    return 1 if "fail" in verdicts else 0


def _row(check: Check) -> Table:
    """Columns of fixed width, so that rows drawn one by one stand below each other."""
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=14)
    row.add_column(width=4)
    row.add_column(overflow="fold")
    row.add_row(Text(check.what), Text(check.verdict, _STYLE[check.verdict]), Text(check.found))
    if check.advice:
        row.add_row("", "", Text(f"-> {check.advice}", _STYLE[check.verdict]))
    return row


def _conclusion(verdicts: list[Verdict]) -> str:
    failed, warned = verdicts.count("fail"), verdicts.count("warn")
    if failed:
        return f"the pipeline cannot run here: {failed} failed, {warned} to look at"
    return f"the pipeline can run here, {warned} to look at" if warned else "all is well"
