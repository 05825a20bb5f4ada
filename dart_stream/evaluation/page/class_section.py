"""How each class fares."""

from collections.abc import Sequence

from dart_stream.evaluation.breakdown import ClassRow
from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.page.blocks import Column, Group, bar, paragraph, section, table
from dart_stream.evaluation.page.wording import count, percent, points, text


def class_section(evaluation: Evaluation) -> str:
    """One row a class, those that lose most first."""
    if evaluation.breakdown is None:
        return section("Classes", paragraph("No setting was taken apart.", "lead"))
    rows = sorted(
        evaluation.breakdown.by_class, key=lambda row: (row.accuracy - row.full_accuracy, row.name)
    )
    lead = (
        "Classes that lose most first. The line across a bar of accuracy is where the full network "
        "stands; bars of disagreement are relative to the longest."
    )
    return section("Classes", paragraph(lead, "lead"), table(_columns(rows), [Group(rows)]))


def _columns(rows: Sequence[ClassRow]) -> list[Column[ClassRow]]:
    most = max((row.disagreement for row in rows), default=0.0) or 1.0
    return [
        Column("class", lambda row: text(row.name), kind="name class"),
        Column("n", lambda row: count(row.n)),
        Column("accuracy", _accuracy, kind="barred"),
        Column("full network", lambda row: percent(row.full_accuracy)),
        Column("difference, points", lambda row: points(row.accuracy - row.full_accuracy)),
        Column(
            "disagreement",
            lambda row: bar(percent(row.disagreement), row.disagreement / most),
            kind="barred",
        ),
        Column("average exit depth", _depth, kind="barred"),
    ]


def _accuracy(row: ClassRow) -> str:
    return bar(percent(row.accuracy), row.accuracy, mark=row.full_accuracy)


def _depth(row: ClassRow) -> str:
    return bar(f"{row.average_exit_depth:.2f}", row.average_exit_depth)
