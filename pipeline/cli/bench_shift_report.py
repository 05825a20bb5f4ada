"""What `bench shift` found, as tables for the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.bench.shift.document import MethodRow, ShiftDocument
from pipeline.bench.shift.page import drawn_methods
from pipeline.cli.models_show import new_table
from pipeline.ui.figures import MISSING


def print_shift(document: ShiftDocument, console: Console | None = None) -> None:
    """Print one table of methods, and one of segments for each of those that charts show."""
    console = console or Console(highlight=False)
    console.print(Text(_conditions(document), "dim"))
    console.print(_methods_table("all segments", document.methods))
    for method in (row for row in drawn_methods(document) if row.name != "full"):
        console.print(_segments_table(method, document.epsilon))
    if document.live is not None:
        title = f"the engine itself on {document.live.seeds} streams"
        console.print(_methods_table(title, document.live.methods))


def _conditions(document: ShiftDocument) -> str:
    return (
        f"{document.model}, {document.seeds} streams of {document.n:,} regions drawn from "
        f"{document.pictures:,} pictures of {document.dataset}, {document.split}; calibrated on "
        f"{document.calibrated_n:,} of {document.calibrated_on}; limit {document.epsilon:.1%}, "
        f"windows of {document.window:,}, grace {document.grace} regions after a change; extra: "
        "audits and bursts; windows: above the limit; drop: of full depth against clean; gap: of "
        "early exits against full depth; settled: after the grace "
        f"({document.device}, {document.precision}, {document.threads} threads, "
        f"torch {document.torch})"
    )


def _methods_table(title: str, methods: Sequence[MethodRow]) -> Table:
    table = new_table(
        title,
        *("method", "right", "differs", "MACs", "extra", "windows", "worst", "alarms", "us"),
    )
    for row in methods:
        windows = row.windows
        table.add_row(
            row.name,
            f"{row.accuracy:.2%}",
            f"{row.disagreement:.2%}",
            f"{row.macs_fraction:.1%}",
            f"{row.overhead:.1%}",
            f"{windows.above_epsilon}/{windows.n}",
            MISSING if windows.worst is None else f"{windows.worst:.1%}",
            f"{row.alarms_a_stream:.1f}",
            f"{row.update_us:.1f}" if row.update_us else MISSING,
        )
    return table


def _segments_table(method: MethodRow, epsilon: float) -> Table:
    table = new_table(
        method.name,
        *("segment", "right", "full", "drop", "gap", "settled", "worst", "MACs"),
    )
    for row in method.segments:
        broken = "bold red" if row.settled_disagreement > epsilon else ""
        table.add_row(
            row.name,
            f"{row.accuracy:.1%}",
            f"{row.full_accuracy:.1%}",
            MISSING if row.backbone_drop is None else f"{100 * row.backbone_drop:.1f}",
            f"{100 * row.exit_gap:.2f}",
            Text(f"{row.settled_disagreement:.2%}", broken),
            f"{row.worst_settled_disagreement:.2%}",
            f"{row.macs_fraction:.1%}",
        )
    return table
