"""The tables of the page."""

from collections.abc import Sequence

from dart_stream.evaluation.page.blocks import Column, Group, paragraph, section, table
from dart_stream.evaluation.page.wording import NOT_MEASURED, count, percent, points, text
from pipeline.bench.shift.document import AlarmRow, MethodRow, SegmentRow, ShiftDocument
from pipeline.bench.shift.page.chart_sections import drawn_methods

_MOST_ALARMS = 60


def methods_section(document: ShiftDocument) -> str:
    """One row a method."""
    words = (
        f"Windows are disjoint, of {count(document.window)} regions, and begin {document.grace} "
        "regions after a change at the earliest. Overhead is what audits and bursts cost."
    )
    rows = [Group(document.methods)]
    if document.live is not None:
        heading = (
            f"the engine itself, {document.live.seeds} streams, "
            f"batches of {document.live.batch} under one policy"
        )
        rows.append(Group(document.live.methods, heading))
    shown = table(_method_columns(), rows, lambda row: "ours" if row.name == "dart" else "")
    return section("Methods", paragraph(words, "lead"), shown)


def released_section(document: ShiftDocument) -> str:
    """Whether policies above the limit were released, and how changes were met."""
    words = (
        "Regions are drawn from tables, so the true rate of every policy is known. Before the "
        "first change, seeds with a policy above the limit should be at most "
        f"{percent(document.delta, 0)} of {count(document.seeds)}."
    )
    columns: list[Column[MethodRow]] = [
        Column("method", lambda row: text(row.name), kind="name"),
        Column("seeds above, first segment", lambda row: _released(row, "seeds_above")),
        Column("seeds above, anywhere", lambda row: _released(row, "seeds_above_anywhere")),
        Column("worst true rate", _worst_rate),
        Column("false alarms", lambda row: f"{row.false_alarms} in {count(row.clean_regions)}"),
        Column("regions to detect each change", lambda row: _numbers(row.detection)),
        Column("regions to clean cost", lambda row: _numbers(row.back_to_clean_cost)),
    ]
    shown = table(columns, [Group(document.methods)])
    return section("Promise and alarms", paragraph(words, "lead"), shown)


def segments_section(document: ShiftDocument) -> str:
    """One row a segment for each method that is drawn."""
    words = (
        "Backbone drop: accuracy that full depth itself loses against the first clean segment, in "
        "points. Exit gap: what leaving early costs beside it. Settled: after the grace."
    )
    groups = [Group(row.segments, text(row.name)) for row in drawn_methods(document)]
    columns: list[Column[SegmentRow]] = [
        Column("segment", lambda row: text(row.name), kind="name"),
        Column("accuracy", lambda row: percent(row.accuracy)),
        Column("full depth", lambda row: percent(row.full_accuracy)),
        Column("backbone drop", lambda row: _points(row.backbone_drop)),
        Column("exit gap", lambda row: points(row.exit_gap)),
        Column("disagreement", lambda row: percent(row.disagreement, 2)),
        Column("settled", lambda row: percent(row.settled_disagreement, 2)),
        Column("worst seed", lambda row: percent(row.worst_settled_disagreement, 2)),
        Column("worst class", lambda row: _percent(row.worst_class_disagreement)),
        Column("MACs", lambda row: percent(row.macs_fraction)),
    ]
    return section("Segments", paragraph(words, "lead"), table(columns, groups))


def alarms_section(document: ShiftDocument) -> str:
    """Every alarm of the first seed, of the methods that are drawn."""
    groups = [
        Group(row.alarms[:_MOST_ALARMS], text(row.name))
        for row in drawn_methods(document)
        if row.alarms
    ]
    if not groups:
        return section("Alarms", paragraph("No method that is drawn raised any.", "lead"))
    columns: list[Column[AlarmRow]] = [
        Column("region", lambda row: count(row.at)),
        Column("kind", lambda row: text(row.kind), kind="name"),
        Column("segment", lambda row: text(row.segment), kind="name"),
        Column("in words", lambda row: text(row.words), kind="setting"),
    ]
    return section("Alarms of the first seed", table(columns, groups))


def _method_columns() -> list[Column[MethodRow]]:
    return [
        Column("method", lambda row: text(row.name), kind="name"),
        Column("accuracy", lambda row: percent(row.accuracy)),
        Column("full depth", lambda row: percent(row.full_accuracy)),
        Column("disagreement", lambda row: percent(row.disagreement, 2)),
        Column("MACs", lambda row: percent(row.macs_fraction)),
        Column("overhead", lambda row: percent(row.overhead)),
        Column("windows above", lambda row: f"{row.windows.above_epsilon} of {row.windows.n}"),
        Column("worst window", lambda row: _percent(row.windows.worst)),
        Column("alarms a stream", lambda row: f"{row.alarms_a_stream:.1f}"),
    ]


def _released(row: MethodRow, field: str) -> str:
    return NOT_MEASURED if row.released is None else count(getattr(row.released, field))


def _worst_rate(row: MethodRow) -> str:
    return NOT_MEASURED if row.released is None else percent(row.released.worst, 2)


def _percent(share: float | None) -> str:
    return NOT_MEASURED if share is None else percent(share, 2)


def _points(difference: float | None) -> str:
    return NOT_MEASURED if difference is None else points(difference)


def _numbers(values: Sequence[float | None]) -> str:
    """Values in turn; a dash where there was nothing."""
    return ", ".join(NOT_MEASURED if value is None else count(round(value)) for value in values)
