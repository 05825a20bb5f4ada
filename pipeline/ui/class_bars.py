"""How far the coefficient of each class has moved, and what teaches it."""

import math
from collections.abc import Sequence
from typing import Final

from rich.text import Text

from pipeline.snapshot import Snapshot
from pipeline.ui.bars import diverging
from pipeline.ui.block import Block, grid
from pipeline.ui.figures import MISSING, coefficient, count, percent, printable
from pipeline.ui.theme import GOOD, LABEL, WARN

_SCALES: Final = (0.25, 0.5, 1.0, 3.0)
"""Logits that fill a side; the largest is the limit of a coefficient."""
_NAMES: Final = 10, 20
"""Cells of a name, in a narrow and in a wide block."""
_VALUE, _ACCEPTED, _WIDE = 6, 8, 60


def coefficients(snapshot: Snapshot) -> list[float]:
    """The mean over early exits of each class; empty at full depth, where none is in force."""
    means = [sum(row) / len(row) if row else 0.0 for row in snapshot.policy.coefficients]
    return [mean if math.isfinite(mean) else 0.0 for mean in means]


def scale(values: Sequence[float]) -> float:
    """Logits at the end of a bar: one of a few steps, so that bars seldom jump."""
    largest = max((abs(value) for value in values), default=0.0)
    return next((step for step in _SCALES if largest <= step), largest)


def class_name(snapshot: Snapshot, index: int) -> str:
    """Its name, or its number where names are not known."""
    names = snapshot.classes
    return printable(names[index]) if index < len(names) else f"class {index}"


def class_block(snapshot: Snapshot, width: int, rows: int) -> Block:
    """Heads and a row a class: `rows` lines in `width` columns.

    Of more classes than fit, those moved most are shown.
    """
    known, acceptance = coefficients(snapshot), _acceptance(snapshot)
    total = max(len(known), len(acceptance), len(snapshot.classes))
    shown = _select(known, total, rows - 1)
    name = _NAMES[width >= _WIDE]
    reach, line = scale(known), max(width - name - _VALUE - _ACCEPTED - 3, 1)
    table = grid(name, line, _VALUE, _ACCEPTED, right=(2, 3))
    title = "class" if len(shown) == total else f"{len(shown)} of {count(total)}"
    table.add_row(
        Text(title, LABEL),
        _head(reach, line) if known else Text("not in use", LABEL),
        Text("logits", LABEL),
        Text("accepted", LABEL),
    )
    for index in shown:
        value = known[index] if index < len(known) else None
        share = acceptance[index] if index < len(acceptance) else None
        table.add_row(
            Text(class_name(snapshot, index)),
            _bar(value, reach, line),
            coefficient(value),
            Text(percent(share), LABEL),
        )
    return Block("classes", table, rows)


def _acceptance(snapshot: Snapshot) -> list[float | None]:
    return [] if snapshot.adaptation is None else snapshot.adaptation.acceptance


def _select(values: Sequence[float], total: int, rows: int) -> list[int]:
    """Indices of `rows` classes, in their order."""
    distances = [*(abs(value) for value in values), *([0.0] * (total - len(values)))]
    ranked = sorted(range(total), key=lambda index: -distances[index])
    return sorted(ranked[: max(rows, 0)])


def _head(reach: float, width: int) -> Text:
    """What the sides mean, above their ends."""
    left, right = (width - 1) // 2, width - 1 - (width - 1) // 2
    sooner, later = f"sooner {-reach:g}", f"{reach:+g} later"
    if min(left, right) < max(len(sooner), len(later)):
        return Text(" " * left + "0", LABEL)
    return Text(f"{sooner:<{left}}0{later:>{right}}", LABEL)


def _bar(value: float | None, reach: float, width: int) -> Text:
    """A positive coefficient asks for more confidence: the class leaves later."""
    if value is None:
        return Text(" " * ((width - 1) // 2) + MISSING, LABEL)
    left, right = diverging(value, reach, width - 1)
    return Text.assemble((left, GOOD), ("│", LABEL), (right, WARN))
