"""The parts of the page that show a figure over time."""

from collections.abc import Callable
from typing import Final

from dart_stream.evaluation.page.blocks import figure, paragraph, section
from dart_stream.evaluation.page.wording import text
from pipeline.report.course import Point
from pipeline.report.page.charts import Extras, Line, line_chart, share_chart
from pipeline.report.page.heat_map import MOST_CLASSES, heat_map
from pipeline.report.page.time_axes import Span
from pipeline.report.story import Story
from pipeline.ui.figures import percent

_MOST_LIMITS: Final = 6.0
"""Height of the axis of disagreement, in limits."""


def speed_section(story: Story, span: Span) -> str:
    """Frames per second, processed and dropped."""
    lines = [Line("processed", "m-dart", lambda point: point.fps)]
    if any(point.dropped for point in story.course.points):
        lines.append(Line("dropped", "m-fixed", lambda point: point.dropped_fps))
    chart = line_chart(story.course, span, "frames per second", lines)
    return section("Throughput", figure(chart, ""))


def latency_section(story: Story, span: Span) -> str:
    """From capture to recorded answer."""
    lines = [
        Line("95 of 100", "m-fixed", lambda point: point.p95_ms),
        Line("half", "m-dart", lambda point: point.p50_ms),
    ]
    words = (
        "From the capture of a frame to its recorded answer: half of the regions, and 95 of 100, "
        "took at most so long."
    )
    return section(
        "Latency",
        paragraph(words, "lead"),
        figure(line_chart(story.course, span, "milliseconds", lines), ""),
    )


def exits_section(story: Story, span: Span) -> str:
    """Who leaves where."""
    assert story.last is not None, "gather refuses a recording without snapshots"
    words = "Where regions got their answer. Audited regions count with the exit that answered."
    chart = share_chart(story.course, span, story.last.num_exits)
    return section("Exits", paragraph(words, "lead"), figure(chart, ""))


def compute_section(story: Story, span: Span) -> str:
    """Multiply-accumulates against the full network's."""
    lines = [Line("this run", "m-dart", _times(100, lambda point: point.macs_fraction))]
    words = (
        "Multiply-accumulates spent, audits and bursts included, as a share of what the network "
        "without early exits would have spent."
    )
    extras = Extras(limit=(100.0, "full network"), bursts=_has_bursts(story))
    chart = line_chart(story.course, span, "compute (%)", lines, extras)
    return section("Compute", paragraph(words, "lead"), figure(chart, ""))


def disagreement_section(story: Story, span: Span) -> str:
    """What audits say of early answers, against the limit."""
    assert story.last is not None, "gather refuses a recording without snapshots"
    epsilons = [p.epsilon for p in story.course.points if p.epsilon is not None]
    if not epsilons:
        why = story.last.adaptation_off or "this run did not adapt"
        words = f"Not measured, because nothing was audited: {text(why)}."
        return section("Disagreement", paragraph(words, "lead"))
    limit = 100 * epsilons[-1]
    lines = [
        Line("bound", "m-fixed", _times(100, lambda point: point.upper)),
        Line("estimate", "m-dart", _times(100, lambda point: point.estimate)),
    ]
    extras = Extras(
        limit=(limit, f"limit {percent(epsilons[-1], 1)}"),
        alarms=story.alarms,
        bursts=_has_bursts(story),
        most=_MOST_LIMITS * limit,
        floor=1.3 * limit,
    )
    confidence = None if story.last.adaptation is None else story.last.adaptation.confidence
    sure = "" if confidence is None else f" with {percent(confidence)} confidence"
    words = (
        "Share of early answers that differ from full depth's, as audits estimate it, and the "
        f"bound that the evidence gives{sure}. There is neither while everything runs to full "
        "depth, nor before the first audit of a policy that is held by hand. "
        f"What is above {percent(_MOST_LIMITS * epsilons[-1])} is drawn there."
    )
    chart = line_chart(story.course, span, "disagreement (%)", lines, extras)
    return section("Disagreement", paragraph(words, "lead"), figure(chart, ""))


def coefficient_section(story: Story, span: Span) -> str:
    """What adaptation does to each class."""
    assert story.last is not None, "gather refuses a recording without snapshots"
    chart = heat_map(story.course, span, story.last.classes)
    if chart is None:
        words = "No class was treated otherwise than the others: every coefficient stayed at 0."
        return section("Coefficients of classes", paragraph(words, "lead"))
    words = (
        "Logits by which an exit must be surer before it may answer a class (cold colours: less "
        f"sure), mean over the early exits. At most the {MOST_CLASSES} classes that moved most; "
        "what is blank is neutral."
    )
    return section("Coefficients of classes", paragraph(words, "lead"), figure(chart, ""))


def power_section(story: Story, span: Span) -> str:
    """Watts, where there is a sensor."""
    assert story.last is not None, "gather refuses a recording without snapshots"
    power = story.last.power
    if power.source is None:
        words = "Not measured: this machine has no sensor that could be read."
        return section("Energy", paragraph(words, "lead"))
    lines = [Line(power.source, "m-dart", lambda point: point.power_w)]
    energy = "" if power.energy_j is None else f" {power.energy_j:,.0f} joules so far."
    words = f"As {text(power.source)} measures it.{energy}"
    chart = line_chart(story.course, span, "watts", lines)
    return section("Energy", paragraph(words, "lead"), figure(chart, ""))


def _times(factor: float, of: Callable[[Point], float | None]) -> Callable[[Point], float | None]:
    def scaled(point: Point) -> float | None:
        value = of(point)
        return None if value is None else factor * value

    return scaled


def _has_bursts(story: Story) -> bool:
    return any(point.bursts > 0.5 for point in story.course.points)
