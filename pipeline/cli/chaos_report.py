"""What `chaos` found, as tables for the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.chaos.report import ChaosReport
from pipeline.cli.models_show import new_table
from pipeline.ui.figures import MISSING


def print_chaos(report: ChaosReport, console: Console | None = None) -> None:
    """Print the faults by kind, the ledger, and the verdict."""
    console = console or Console(highlight=False)
    console.print(_kinds(report))
    for name, words in _points(report):
        console.print(Text(f"{name:<12} {words}"), soft_wrap=True)
    for problem in report.problems:
        console.print(Text(problem, "bold red"), soft_wrap=True)
    console.print(_verdict(report), soft_wrap=True)


def _kinds(report: ChaosReport) -> Table:
    table = new_table(
        "faults", *("kind", "of", "number", "survived", "back, median ms", "at most ms")
    )
    for row in report.rows:
        table.add_row(
            row.kind,
            row.role,
            f"{row.number:,}",
            Text(f"{row.survived:,}", "" if row.survived == row.number else "bold red"),
            _ms(row.recovery_ms_median),
            _ms(row.recovery_ms_max),
        )
    return table


def _points(report: ChaosReport) -> list[tuple[str, str]]:
    frames, found = report.checked.frames, []
    if report.skipped:
        found.append(("skipped", ", ".join(report.skipped)))
    restarts = sum(report.restarts.values())
    found.append(("processes", f"{restarts:,} started again in {report.duration_s:,.0f} s"))
    if frames:
        dropped = " + ".join(f"{n:,} {reason}" for reason, n in frames["dropped"].items())
        found.append(
            (
                "ledger",
                (
                    f"{frames['captured']:,} captured = {frames['processed']:,} processed"
                    f"{' + ' if dropped else ''}{dropped} + {frames['in_flight']:,} in flight; "
                    f"{report.snapshots:,} snapshots checked meanwhile"
                ),
            )
        )
    found.append(
        (
            "results",
            (
                f"{report.checked.regions:,} answers; {report.checked.exact_frames:,} frames of "
                "sources that wait, each once"
            ),
        )
    )
    return found


def _verdict(report: ChaosReport) -> Text:
    struck = f"{len(report.hits):,} of {report.planned:,} faults"
    if report.problems:
        return Text(f"not kept: {len(report.problems)} problems after {struck}", "bold red")
    interrupted = ", then interrupted" if report.is_interrupted else ""
    return Text(f"kept: the ledger is exact after {struck}{interrupted}", "bold green")


def _ms(value: float | None) -> str:
    return MISSING if value is None else f"{value:,.0f}"
