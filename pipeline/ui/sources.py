"""The sources, one row each; what does not fit is summed in the last row."""

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from pipeline.snapshot import Ledger, SourceSnap
from pipeline.ui.bars import MIN_BAR, stacked
from pipeline.ui.block import Block, fit_widths, grid, heads
from pipeline.ui.figures import (
    MISSING,
    duration,
    milliseconds,
    printable,
    rate,
    short_count,
)
from pipeline.ui.theme import BAD, LABEL, WARN, count_states, is_trouble, state_mark

_WIDE = 110
"""Columns from which position and frame count are shown, too."""
_STATE, _FPS, _AGE, _QUEUE, _POSITION, _FRAMES = 12, 6, 7, 5, 9, 9


def sources_block(sources: Sequence[SourceSnap], width: int, rows: int, *, lined: bool) -> Block:
    """`rows` lines with the heads, in `width` columns; `lined` heads stand for the title."""
    wide = width >= _WIDE
    shown, rest = _select(sources, rows - 1)
    widths = _widths(width, shown, wide=wide)
    right = (2, 3, 4, 5, 6) if wide else (2, 3, 4)
    table = grid(*widths, right=right)
    titles = ["sources" if lined else "name", "state", "fps", "age", "queue"]
    titles += ["position", "frames"] if wide else []
    table.add_row(*heads([*titles, "exits", "drops", "phase"], widths, right, lined=lined))
    bar_width = widths[-3]
    for source in shown:
        table.add_row(*_row(source, bar_width, wide=wide))
    if rest:
        table.add_row(*_rest_row(rest, wide=wide))
    if not sources:
        table.add_row(Text("no source yet", LABEL))
    return Block("sources", table, rows)


def _widths(width: int, shown: Sequence[SourceSnap], *, wide: bool) -> list[int]:
    """Fixed columns first; what is left goes to name, exits, drops and phase."""
    state = max(_STATE, *(cell_len(printable(source.state)) + 2 for source in shown), 0)
    fixed = [state, _FPS, _AGE, _QUEUE, *((_POSITION, _FRAMES) if wide else ())]
    left = max(width - sum(fixed) - len(fixed) - 3, 4)
    exits, drops, phase = left * 8 // 36, left * 9 // 36, left * 7 // 36
    needs = [
        max(cell_len("sources"), *(cell_len(printable(source.name)) for source in shown), 0),
        MIN_BAR,
        max(cell_len("drops"), *(_drops(source.ledger).cell_len for source in shown), 0),
        max(cell_len("phase"), *(cell_len(_phase(source)) for source in shown), 0),
    ]
    name, *others = fit_widths([left - exits - drops - phase, exits, drops, phase], needs)
    return [name, *fixed, *others]


def _select(sources: Sequence[SourceSnap], rows: int) -> tuple[list[SourceSnap], list[SourceSnap]]:
    """Those shown and the rest; trouble is never hidden while something sound is shown."""
    if len(sources) <= rows:
        return list(sources), []
    ranked = sorted(sources, key=lambda source: not is_trouble(source.state))
    keep = max(rows - 1, 0)
    return ranked[:keep], ranked[keep:]


def _row(source: SourceSnap, bar_width: int, *, wide: bool) -> list[Text]:
    sign, style = state_mark(source.state)
    cells = [
        Text(printable(source.name)),
        Text(f"{sign} {printable(source.state)}", style),
        Text(rate(source.fps)),
        Text(milliseconds(source.frame_age_ms)),
        Text(short_count(source.queue_len)),
    ]
    if wide:
        cells += [Text(duration(source.position_s)), Text(short_count(source.ledger.processed))]
    bar = stacked(source.exits, bar_width) if sum(source.exits) else Text(MISSING, LABEL)
    return [*cells, bar, _drops(source.ledger), Text(_phase(source))]


def _phase(source: SourceSnap) -> str:
    return printable(source.phase or "")


def _rest_row(rest: list[SourceSnap], *, wide: bool) -> list[Text]:
    trouble = any(is_trouble(source.state) for source in rest)
    dropped: Counter[str] = Counter()
    for source in rest:
        dropped.update(source.ledger.dropped)
    processed = sum(source.ledger.processed for source in rest)
    return [
        Text(f"+{len(rest)} more", LABEL),
        Text(count_states(source.state for source in rest), BAD if trouble else LABEL),
        Text(rate(sum(source.fps for source in rest)), LABEL),
        Text(),
        Text(short_count(sum(source.queue_len for source in rest)), LABEL),
        *([Text(), Text(short_count(processed), LABEL)] if wide else []),
        Text(),
        _drops(Ledger(dropped=dict(dropped))),
        Text(),
    ]


def _drops(ledger: Ledger) -> Text:
    """The total and its reasons, most frequent first."""
    total = sum(ledger.dropped.values())
    if not total:
        return Text("0", LABEL)
    reasons = sorted(ledger.dropped.items(), key=lambda item: -item[1])
    if len(reasons) == 1:
        return Text(f"{short_count(total)} {printable(reasons[0][0])}", WARN)
    parts = (f"{printable(reason)} {short_count(number)}" for reason, number in reasons)
    return Text(f"{short_count(total)}: {', '.join(parts)}", WARN)
