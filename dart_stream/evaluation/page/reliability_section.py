"""Reliability diagrams: how often answers of a confidence are right."""

from typing import Final

from dart_stream.evaluation.breakdown import Reliability
from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.page.blocks import paragraph, section
from dart_stream.evaluation.page.drawing import Axes, box, label, svg, told
from dart_stream.evaluation.page.scale import Scale
from dart_stream.evaluation.page.wording import count, percent

_SIZE: Final = (230, 282)
_AXES: Final = Axes(x=Scale(0, 100, 38, 212), y=Scale(0, 100, 238, 56))
_COUNTS: Final = 0.3
"""Height of the longest bar of counts as a share of the panel's."""
_LEAD: Final = (
    "Each dot is a range of confidence: right where it lies on the diagonal, too sure of itself "
    "below it. The bars at the foot show how many answers each range holds. ECE is the mean "
    "distance from the diagonal, each answer counted once."
)


def reliability_section(evaluation: Evaluation) -> str:
    """A panel for the early-exit answers and one for each exit."""
    heading = "How far confidence can be trusted"
    if evaluation.breakdown is None:
        return section(heading, paragraph("No setting was taken apart.", "lead"))
    panels = "\n".join(
        f"<figure>{reliability_panel(each)}</figure>" for each in evaluation.breakdown.reliability
    )
    return section(heading, paragraph(_LEAD, "lead"), f'<div class="panels">\n{panels}\n</div>')


def reliability_panel(diagram: Reliability) -> str:
    """Draw one diagram."""
    dots = [(100 * each.confidence, 100 * each.accuracy) for each in diagram.bins]
    parts = [
        label(diagram.name, (_AXES.x.start - 30, 14), "legend strong"),
        label(f"ECE {100 * diagram.ece:.1f} %", (_AXES.x.end, 14), "legend", "end"),
        _AXES.frame("confidence (%)", "right (%)", ticks=(4, 4)),
        _counts(diagram),
        _AXES.line([(0, 0), (100, 100)], "diagonal"),
        '<g class="series reliable">',
        _AXES.line(dots, "line") if len(dots) > 1 else "",
        *_dots(diagram),
        "</g>",
    ]
    return svg(_SIZE, f"reliability of {diagram.name}", parts, "chart panel")


def _dots(diagram: Reliability) -> list[str]:
    found = []
    for each in diagram.bins:
        x, y = _AXES.at((100 * each.confidence, 100 * each.accuracy))
        dot = f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
        words = f"confidence {percent(each.confidence)}, right {percent(each.accuracy)}"
        found.append(told(dot, f"{words}, n = {count(each.n)}"))
    return found


def _counts(diagram: Reliability) -> str:
    most = max((each.n for each in diagram.bins), default=1)
    whole = (_AXES.y.start - _AXES.y.end) * _COUNTS
    bars = []
    for each in diagram.bins:
        height = whole * each.n / most
        left = _AXES.x(100 * each.confidence) - 4
        bars.append(box((left, _AXES.y.start - height), (8, height), "count"))
    return "\n".join(bars)
