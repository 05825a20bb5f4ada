"""An evaluation as tables for the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.method_row import MethodRow
from pipeline.cli.models_show import new_table
from pipeline.ui.figures import MISSING


def print_evaluation(evaluation: Evaluation, console: Console | None = None) -> None:
    """Print one table a budget, and one of what has no budget."""
    console = console or Console(highlight=False)
    console.print(Text(_conditions(evaluation), "dim"))
    rows = evaluation.methods
    budgets = sorted({row.budget for row in rows if row.budget is not None}, reverse=True)
    for unit, what in (("macs", "MACs"), ("ms", "time")):
        for budget in budgets:
            at = [row for row in rows if row.budget == budget and row.chosen_by == unit]
            if at:
                console.print(_table(f"{budget:.0%} of the full network's {what}", at))
    console.print(_table("settings without a budget", [r for r in rows if r.budget is None]))
    if evaluation.oracle is not None:
        console.print(_table("limit: the first exit that is right", [evaluation.oracle]))


def _conditions(evaluation: Evaluation) -> str:
    full = evaluation.full_depth
    return (
        f"{evaluation.model} on {evaluation.n:,} pictures of {evaluation.dataset}, "
        f"{evaluation.split}; chosen on {evaluation.chosen_n:,} of {evaluation.chosen_on}; "
        f"full network {full.accuracy:.2%}, {_time(full.time_ms)} ms a picture "
        f"({evaluation.device}, {evaluation.precision}, batches of {evaluation.batch}, "
        f"{evaluation.threads} threads, torch {evaluation.torch}); "
        "exit gap: accuracy lost to leaving early, in points, with 95 %"
    )


def _table(title: str, rows: Sequence[MethodRow]) -> Table:
    table = new_table(title, "method", "accuracy", "exit gap", "MACs", "ms", "speedup", "disagrees")
    for row in rows:
        low, high = row.exit_gap_ci95
        table.add_row(
            row.setting if row.budget is None else row.name,
            f"{row.accuracy:.2%}",
            f"{100 * row.exit_gap:.2f} ±{50 * (high - low):.2f}",
            f"{row.macs_fraction:.1%}",
            _time(row.time_ms),
            MISSING if row.speedup is None else f"{row.speedup:.2f}x",
            f"{row.disagreement:.2%}",
        )
    return table


def _time(time_ms: float | None) -> str:
    return MISSING if time_ms is None else f"{time_ms:.3f}"
