"""What the page is built of: sections, figures, tables, small bars."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from dart_stream.evaluation.page.wording import text

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column of a table.

    Attributes:
        heading: as HTML.
        cell: what stands in a row, as HTML.
        worth: of a row; the highest of a group is printed bold. None for columns without a
            better and a worse, and for rows where it was not measured.
        kind: class of the cells in the style sheet.
    """

    heading: str
    cell: Callable[[Row], str]
    worth: Callable[[Row], float | None] | None = None
    kind: str = "number"


@dataclass(frozen=True, slots=True)
class Group(Generic[Row]):
    """Rows that belong together, with a line above them if they have a heading."""

    rows: Sequence[Row]
    heading: str = ""


def section(heading: str, *parts: str) -> str:
    """A part of the page; `parts` are HTML."""
    return f"<section>\n<h2>{text(heading)}</h2>\n{_lines(parts)}\n</section>"


def paragraph(html: str, kind: str = "") -> str:
    """A paragraph, of a class of the style sheet if one is named; none of no words."""
    return f"<p{_kind(kind)}>{html}</p>" if html else ""


def figure(svg: str, caption: str) -> str:
    """A drawing and what it shows."""
    return f"<figure>\n{svg}\n<figcaption>{caption}</figcaption>\n</figure>"


def table(
    columns: Sequence[Column[Row]],
    groups: Sequence[Group[Row]],
    row_kind: Callable[[Row], str] = lambda _row: "",
) -> str:
    """A table that scrolls sideways where it does not fit."""
    head = "".join(f'<th scope="col"{_kind(c.kind)}>{c.heading}</th>' for c in columns)
    body = [_group(columns, group, row_kind) for group in groups]
    return (
        '<div class="scroll"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n{_lines(body)}\n</table></div>"
    )


def bar(html: str, share: float, mark: float | None = None) -> str:
    """A value above a small bar of a length in [0, 1]; `mark` is a line across it."""
    across = "" if mark is None else f'<i style="left:{100 * mark:.1f}%"></i>'
    length = f'<b style="width:{100 * share:.1f}%"></b>'
    return f'<span class="value">{html}</span><span class="bar">{length}{across}</span>'


def _group(
    columns: Sequence[Column[Row]], group: Group[Row], row_kind: Callable[[Row], str]
) -> str:
    lines = []
    if group.heading:
        lines.append(
            f'<tr class="group"><th colspan="{len(columns)}" scope="rowgroup">'
            f"{group.heading}</th></tr>"
        )
    best = [_best(column, group.rows) for column in columns]
    for row in group.rows:
        cells = "".join(map(_cell, columns, [row] * len(columns), best))
        lines.append(f"<tr{_kind(row_kind(row))}>{cells}</tr>")
    return f"<tbody>\n{_lines(lines)}\n</tbody>"


def _best(column: Column[Row], rows: Sequence[Row]) -> float | None:
    if column.worth is None or len(rows) < 2:
        return None
    found = [worth for worth in map(column.worth, rows) if worth is not None]
    return max(found, default=None)


def _cell(column: Column[Row], row: Row, best: float | None) -> str:
    html = column.cell(row)
    if best is not None and column.worth is not None and column.worth(row) == best:
        html = f"<strong>{html}</strong>"
    return f"<td{_kind(column.kind)}>{html}</td>"


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _lines(parts: Sequence[str]) -> str:
    return "\n".join(part for part in parts if part)
