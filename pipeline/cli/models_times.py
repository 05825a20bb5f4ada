"""Times of stages, heads and exits as tables for the terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.cli.models_show import millions, new_table
from pipeline.ui.figures import MISSING

Row = dict[str, Any]


def print_times(console: Console, result: dict[str, Any]) -> None:
    """Print the contents of the file that `models --times --out` writes."""
    conditions = (
        f"{result['device']}, {result['host']['cores']} cores, torch {result['torch']}; "
        f"milliseconds, medians of {result['n']}, ± half a 95 % interval; "
        "share: of the plain network, which has no early exits"
    )
    console.print(Text(conditions, "dim"))
    for model in result["models"]:
        for (threads, precision), rows in _grouped(model["rows"]).items():
            where = f"{precision}, {threads} thread{'s' if threads > 1 else ''}"
            console.print(_exits_table(model, rows, f"{model['model']}, {where}: up to each exit"))
            console.print(_parts_table(model, rows, f"{model['model']}, {where}: each part"))


def _grouped(rows: Sequence[Row]) -> dict[tuple[int, str], list[Row]]:
    """Rows of all batch sizes for each number of threads and precision, in the order asked for."""
    groups: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["threads"], row["precision"]), []).append(row)
    return groups


def _exits_table(model: Row, rows: Sequence[Row], title: str) -> Table:
    """What a batch costs that leaves at each exit, beside accuracy and MACs."""
    batches = [f"batch {row['batch']}" for row in rows]
    table = new_table(title, "exit", "accuracy", "MACs", "share", *batches)
    macs = model["macs"]
    for k, spent in enumerate(macs["exits"]):
        times = (f"{ms(row['exit_ms'][k])} {row['exit_share'][k]:.0%}" for row in rows)
        share = f"{macs['share'][k]:.0%}"
        table.add_row(str(k), _accuracy(model["accuracy"], k), millions(spent), share, *times)
    plain = (f"{ms(row['plain_ms'])} 100%" for row in rows)
    whole = sum(macs["stages"]) + macs["heads"][-1]
    table.add_row("plain", "", millions(whole), "100%", *plain)
    return table


def _parts_table(model: Row, rows: Sequence[Row], title: str) -> Table:
    """Each stage and head with its interval."""
    table = new_table(title, "part", "MACs", *(f"batch {row['batch']}" for row in rows))
    macs = model["macs"]
    for k in range(len(macs["stages"])):
        for part in ("stage", "head"):
            times = (_with_interval(row, f"{part}_ms", k) for row in rows)
            table.add_row(f"{part} {k}", millions(macs[f"{part}s"][k]), *times)
    return table


def _with_interval(row: Row, name: str, k: int) -> str:
    return f"{ms(row[name][k])} ±{ms(_half(row[f'{name}_ci95'][k]))}"


def _accuracy(accuracy: Row | None, k: int) -> str:
    if accuracy is None:
        return MISSING
    share = f"{accuracy['exits'][k]:.1%}"
    return f"{share} ±{_half(accuracy['ci95'][k]):.1%}" if accuracy["ci95"] else share


def _half(interval: Sequence[float]) -> float:
    """Half the width of an interval; the file has both ends."""
    return (interval[1] - interval[0]) / 2


def ms(value: float) -> str:
    """Milliseconds in three places or so."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
