"""The two costs that accuracy is drawn against, and the sections that show them."""

from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.page.blocks import figure, paragraph, section
from dart_stream.evaluation.page.series import CostAxis, all_series
from dart_stream.evaluation.page.tradeoff import outside, tradeoff_chart
from dart_stream.evaluation.page.wording import count, listed, milliseconds, percent, text


def macs_section(evaluation: Evaluation) -> str:
    """Accuracy against multiply-accumulates."""
    cost = CostAxis(
        key="macs",
        name="multiply-accumulates (% of the full network's)",
        of=lambda row: 100 * row.macs_fraction,
        full=100.0,
        shown=lambda value: f"{percent(value / 100)} of the MACs",
        units=("macs",),
    )
    words = (
        "Every point is a setting of a method, chosen on "
        f"{count(evaluation.chosen_n)} other pictures ({text(evaluation.chosen_on)}) and measured "
        "here. Up and left is better."
    )
    heading = "Accuracy and compute"
    return section(heading, paragraph(words, "lead"), _chart(evaluation, cost))


def time_section(evaluation: Evaluation) -> str:
    """Accuracy against measured time, or a sentence that there is none."""
    heading = "Accuracy and time"
    if all(row.time_ms is None for row in evaluation.methods):
        return section(heading, paragraph("Times were not measured.", "lead"))
    cost = CostAxis(
        key="time",
        name="time of a picture (ms)",
        of=lambda row: row.time_ms,
        full=evaluation.full_depth.time_ms,
        shown=milliseconds,
        units=("macs", "ms"),
    )
    words = (
        "Wall clock of the early-exit run itself, everything included, in batches of "
        f"{count(evaluation.batch)} on {text(evaluation.device)} with "
        f"{count(evaluation.threads)} {'thread' if evaluation.threads == 1 else 'threads'}. "
        "Methods that no engine can run have no time."
    )
    return section(heading, paragraph(words, "lead"), _chart(evaluation, cost))


def _chart(evaluation: Evaluation, cost: CostAxis) -> str:
    series = list(all_series(evaluation, cost))
    if not series:
        return paragraph("No method that exits early was compared.")
    hidden = outside(evaluation, cost, series)
    caption = "Point at a mark to read its setting. "
    if hidden:
        caption += f"Outside of the range: {listed(hidden)}."
    return figure(tradeoff_chart(evaluation, cost, series), caption)
