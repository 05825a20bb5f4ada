"""What `verify` found, as tables for the terminal."""

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.cli.models_show import new_table
from pipeline.ui.figures import MISSING
from pipeline.verify.document import Estimate, Snapshots, Verification, Windows

_MAX_PHASES: Final = 30
"""Rows that a terminal shows; the file has all."""


def print_verification(found: Verification, console: Console | None = None) -> None:
    """Print the phases, the points that were checked, and the verdict."""
    console = console or Console(highlight=False)
    console.print(_phases(found))
    if len(found.phases) > _MAX_PHASES:
        console.print(f"and {len(found.phases) - _MAX_PHASES} more stretches in verify.json")
    for name, words in _points(found):
        console.print(Text(f"{name:<22} {words}"), soft_wrap=True)
    console.print(_verdict(found), soft_wrap=True)


def _phases(found: Verification) -> Table:
    table = new_table(
        "beside the full network",
        *("source", "phase", "from", "regions", "differ", "full depth", "MACs"),
    )
    table.columns[1].overflow = "fold"
    for row in found.phases[:_MAX_PHASES]:
        table.add_row(
            row.source,
            row.name or "all",
            f"{row.begin:,}",
            f"{row.n:,}",
            Text(f"{row.disagreement:.2%}", "bold red" if row.disagreement > found.epsilon else ""),
            f"{row.full_depth:.1%}",
            f"{row.macs_fraction:.1%}",
        )
    return table


def _points(found: Verification) -> list[tuple[str, str]]:
    deep, again = found.full_depth, found.reproduced
    return [
        (
            "checked",
            (
                f"{found.regions:,} regions, {found.model} at full depth ({found.device}, "
                f"{found.precision}, threads: {found.threads}, torch {found.torch})"
            ),
        ),
        (
            "differ",
            (
                f"{found.differ:,} ({found.disagreement:.2%}), limit {found.epsilon:.2%}, at "
                f"{found.macs_fraction:.1%} of the MACs"
            ),
        ),
        (f"windows of {found.window:,}", _windows(found.settled, "settled")),
        ("", _windows(found.all_windows, "of the whole run")),
        (
            "recorded full depth",
            f"{deep.n:,} answers, {deep.other} with another label, {deep.wrong} beyond rounding",
        ),
        (
            "recorded answers",
            (
                f"{again.wrong} of {again.n:,} do not come out again (largest difference "
                f"{again.max_difference:.1e}, rounding {found.rounding:.0e})"
            ),
        ),
        ("audits said at end", _estimate(found.estimate)),
        ("audits said meanwhile", _snapshots(found.snapshots)),
    ]


def _windows(windows: Windows, which: str) -> str:
    worst = MISSING if windows.worst is None else f"{windows.worst:.2%}"
    return f"{windows.above_epsilon} of {windows.n} {which} above the limit, worst {worst}"


def _estimate(said: Estimate | None) -> str:
    if said is None:
        return "not measured: everything ran to full depth, or nothing adapted"
    words = f"{said.estimate:.2%}, at most {said.upper:.2%}"
    if said.truth is None or said.at_least is None:
        return f"{words}; no early answer since, nothing to compare"
    covers = "covers" if said.covered else "DOES NOT COVER"
    return (
        f"{words}; {covers} the {said.truth:.2%} of {said.regions:,} early answers, whose rate is "
        f"at least {said.at_least:.2%}"
    )


def _snapshots(said: Snapshots | None) -> str:
    if said is None or said.worst is None:
        return "not measured: no snapshot with early answers and a bound"
    words = f"the bound covers the rate in {said.covered:,} of {said.n:,} snapshots"
    return words if said.worst <= 0 else f"{words}, missed by {100 * said.worst:.2f} points at most"


def _verdict(found: Verification) -> Text:
    promise = "" if found.promised else " (the run did not adapt, so nothing was promised)"
    if found.kept:
        return Text(f"KEPT{promise}", "bold green")
    return Text(f"NOT KEPT{promise}: " + "; ".join(found.broken), "bold red")
