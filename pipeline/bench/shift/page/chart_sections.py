"""The charts of the page."""

from collections.abc import Callable, Sequence
from typing import Final

from dart_stream.evaluation.page.blocks import figure, paragraph, section
from dart_stream.evaluation.page.wording import listed, percent, text
from pipeline.bench.shift.document import MethodRow, Series, ShiftDocument
from pipeline.bench.shift.page.course import LOOKS, Course, Extras, course_chart
from pipeline.bench.shift.played import SAMPLE_EVERY

_COLOURS: Final = 10
"""Lines of classes that can be told apart."""
_HIGHEST: Final = 6.0
"""Of the axis of disagreement, in limits."""


def drawn_methods(document: ShiftDocument) -> list[MethodRow]:
    """The methods that charts show; all, if none of the usual ones was compared."""
    found = [row for row in document.methods if row.name in LOOKS]
    return found or document.methods[:3]


def accuracy_section(document: ShiftDocument) -> str:
    """Accuracy of full depth and of each method."""
    methods = drawn_methods(document)
    any_series = methods[0].series
    full = Course(
        "full depth", "series m-oracle", _middles(any_series), _percent(any_series.full_accuracy)
    )
    courses = [full, *_courses(methods, lambda series: series.accuracy, but="full")]
    words = (
        "What the full network loses under a shift no threshold can win back; what a method loses "
        f"beside it is the exit gap. Means over {document.seeds} streams, in steps of 250 regions."
    )
    drawing = course_chart(document, courses, "right (%)", Extras())
    return section("Accuracy", paragraph(words, "lead"), figure(drawing, ""))


def disagreement_section(document: ShiftDocument) -> str:
    """Disagreement of each method against the limit, with the bound of the method that has one."""
    methods = drawn_methods(document)
    courses = _courses(methods, lambda series: series.disagreement, but="full")
    bounded = [row for row in methods if any(v is not None for v in row.series.upper)]
    courses += [
        Course(
            f"{row.name}: its bound",
            f"series bound {LOOKS.get(row.name, 'm-other')}",
            row.series.at,
            [None if v is None else 100 * v for v in row.series.upper],
        )
        for row in bounded[:1]
    ]
    limit = 100 * document.epsilon
    extras = Extras(
        limit=(limit, f"limit {percent(document.epsilon)}"),
        alarms=bounded[0].alarms if bounded else (),
        from_zero=True,
        highest=_HIGHEST * limit,
    )
    words = (
        "Share of the answers that differ from full depth's. A bound is what the method itself "
        "states in the first stream; it has none while everything runs to full depth. Values above "
        f"{percent(_HIGHEST * document.epsilon)} are drawn there."
    )
    drawing = course_chart(document, courses, "disagreement (%)", extras)
    return section("Disagreement", paragraph(words, "lead"), figure(drawing, ""))


def cost_section(document: ShiftDocument) -> str:
    """Multiply-accumulates, audits and bursts included."""
    courses = _courses(drawn_methods(document), lambda series: series.macs_fraction)
    words = "Audits and bursts included; 100 is the network without early exits."
    drawing = course_chart(document, courses, "MACs (% of the full network's)", Extras())
    return section("Cost", paragraph(words, "lead"), figure(drawing, ""))


def coefficient_section(document: ShiftDocument) -> str:
    """Coefficients per class over time, of each method that has some: the paper's figure 2."""
    found = [row for row in drawn_methods(document) if row.series.coefficients]
    if not found:
        return section("Coefficients", paragraph("No method that is drawn has any.", "lead"))
    charts = [
        figure(_coefficients(document, row.series), f"{text(row.name)}, first seed")
        for row in found
    ]
    words = (
        "Mean over the exits that are on. Those of dart are logits that a class's threshold is "
        "raised by, 0 is neutral; those of paper are factors, 1 is neutral."
    )
    without = [row.name for row in drawn_methods(document) if not row.series.coefficients]
    if without:
        words += f" None in use in the first stream: {listed(without)}."
    return section("Coefficients of classes", paragraph(words, "lead"), *charts)


def _coefficients(document: ShiftDocument, series: Series) -> str:
    by_class = list(zip(*series.coefficients, strict=True))
    moved = sorted(range(len(by_class)), key=lambda c: -(max(by_class[c]) - min(by_class[c])))
    shown = sorted(moved[:_COLOURS])
    courses = [
        Course(document.classes[c], f"series s{i}", series.at, by_class[c])
        for i, c in enumerate(shown)
    ]
    return course_chart(document, courses, "coefficient", Extras())


def _courses(
    methods: Sequence[MethodRow], of: Callable[[Series], list[float]], but: str = ""
) -> list[Course]:
    """A line a method; ours last, so that it lies above the others."""
    ordered = sorted((row for row in methods if row.name != but), key=lambda r: r.name == "dart")
    return [
        Course(
            row.name,
            f"series {LOOKS.get(row.name, 'm-other')}",
            _middles(row.series),
            _percent(of(row.series)),
        )
        for row in ordered
    ]


def _middles(series: Series) -> list[int]:
    """Regions that means over steps are drawn at."""
    return [begin + SAMPLE_EVERY // 2 for begin in series.at]


def _percent(shares: Sequence[float]) -> list[float | None]:
    return [100 * share for share in shares]
