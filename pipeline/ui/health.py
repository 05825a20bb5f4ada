"""Whether every frame is accounted for, and who works."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from pipeline.snapshot import Ledger, WorkerSnap
from pipeline.ui.bars import MIN_BAR, bar
from pipeline.ui.block import Block, fit_widths, grid
from pipeline.ui.figures import count, percent, printable, short_count
from pipeline.ui.theme import BAD, GOOD, LABEL, TREND, WARN, count_states, is_trouble, state_mark

_STATE, _PERCENT, _REGIONS = 12, 10, 15


def ledger_line(ledger: Ledger) -> Text:
    """The balance of frames, with a tick when it holds."""
    dropped = sum(ledger.dropped.values())
    balanced = ledger.captured == ledger.processed + dropped + ledger.in_flight
    mark = Text("✓ ", GOOD) if balanced else Text("✗ ", BAD)
    text = Text.assemble(
        mark,
        f"{count(ledger.captured)} captured",
        (" = " if balanced else " ≠ ", LABEL if balanced else BAD),
        f"{count(ledger.processed)} processed + ",
        (f"{count(dropped)} dropped", WARN if dropped else ""),
        f" + {count(ledger.in_flight)} in flight",
    )
    for name, number in (("corrupt", ledger.corrupt), ("skipped", ledger.skipped)):
        if number:
            text.append(f"  {name} {count(number)}", WARN if name == "corrupt" else LABEL)
    return text


def workers_block(workers: Sequence[WorkerSnap], ledger: Ledger, width: int, rows: int) -> Block:
    """The ledger and up to `rows - 1` workers in `width` columns."""
    table = grid(width)
    table.add_row(ledger_line(ledger))
    shown, rest = _select(workers, rows - 1)
    widths = _widths(width, workers)
    cells = grid(*widths, right=(4, 5))
    for worker in shown:
        cells.add_row(*_row(worker, widths[3]))
    if rest:
        cells.add_row(*_rest_row(rest, widths[3], hidden=len(rest) < len(workers)))
    table.add_row(cells if workers else Text("no worker yet", LABEL))
    return Block("frames and workers", table, rows)


def _widths(width: int, workers: Sequence[WorkerSnap]) -> list[int]:
    """The busy bar takes what name and description leave."""
    fixed = [_STATE, _PERCENT, _REGIONS]
    left = max(width - sum(fixed) - 5, 3)
    name, description = min(max(left * 3 // 10, 1), 20), min(max(left * 5 // 10, 1), 48)
    needs = [
        max((cell_len(printable(worker.name)) for worker in workers), default=0),
        max((cell_len(printable(worker.description)) for worker in workers), default=0),
        MIN_BAR,
    ]
    if len(workers) > 1:
        needs[0] = max(needs[0], cell_len("99 workers"))
    name, description, busy = fit_widths([name, description, left - name - description], needs)
    return [name, _STATE, description, busy, _PERCENT, _REGIONS]


def _select(
    workers: Sequence[WorkerSnap], rows: int
) -> tuple[Sequence[WorkerSnap], Sequence[WorkerSnap]]:
    """Those shown and those summed; trouble is never hidden while something sound is shown."""
    if len(workers) <= rows:
        return workers, ()
    ranked = sorted(workers, key=lambda worker: not is_trouble(worker.state))
    keep = max(rows - 1, 0)
    return ranked[:keep], ranked[keep:]


def _row(worker: WorkerSnap, bar_width: int) -> list[Text]:
    sign, style = state_mark(worker.state)
    return [
        Text(printable(worker.name)),
        Text(f"{sign} {printable(worker.state)}", style),
        Text(printable(worker.description), LABEL),
        Text(bar(worker.busy, bar_width), TREND),
        Text(f"{percent(worker.busy)} busy"),
        Text(f"{short_count(worker.regions)} regions"),
    ]


def _rest_row(rest: Sequence[WorkerSnap], bar_width: int, *, hidden: bool) -> list[Text]:
    """The sum of some workers: of the others when some are shown, else of all."""
    busy = sum(worker.busy for worker in rest) / len(rest)
    regions = sum(worker.regions for worker in rest)
    trouble = any(is_trouble(worker.state) for worker in rest)
    return [
        Text(f"+{len(rest)} more" if hidden else f"{len(rest)} workers", LABEL),
        Text(count_states(worker.state for worker in rest), BAD if trouble else LABEL),
        Text(printable(rest[0].description), LABEL),
        Text(bar(busy, bar_width), TREND),
        Text(f"{percent(busy)} busy"),
        Text(f"{short_count(regions)} regions", LABEL),
    ]
