"""The result in sentences."""

from typing import Final

from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.evaluate import SHOWN_BUDGET
from dart_stream.evaluation.halvings import OURS
from dart_stream.evaluation.method_row import MethodRow
from dart_stream.evaluation.page.verdict import Verdict, verdict
from dart_stream.evaluation.page.wording import (
    count,
    interval,
    listed,
    of_budget,
    percent,
    points,
    text,
)

_AGAINST: Final[dict[Verdict, str]] = {
    "ahead": "more accurate than",
    "behind": "less accurate than",
    "even": "not told apart from",
}


def result(evaluation: Evaluation) -> str:
    """What our method at half the compute gives, beside the full network."""
    full, row = percent(evaluation.full_depth.accuracy), _ours(evaluation)
    pictures = f"{count(evaluation.n)} pictures"
    if row is None:
        return f"The full network is right on {full} of {pictures}."
    return (
        f"At {percent(row.macs_fraction)} of the full network's multiply-accumulates, {OURS} is "
        f"right on <em>{percent(row.accuracy)}</em> of {pictures}; the full network on {full}."
    )


def more_results(evaluation: Evaluation) -> str:
    """The gap with its interval, and how rivals fare."""
    parts = [_gap(evaluation), _best_rival(evaluation), _against_rivals(evaluation)]
    return " ".join(part for part in parts if part)


def _ours(evaluation: Evaluation) -> MethodRow | None:
    return next((row for row in _at_shown_budget(evaluation) if row.name == OURS), None)


def _at_shown_budget(evaluation: Evaluation) -> list[MethodRow]:
    rows = evaluation.methods
    return [row for row in rows if (row.chosen_by, row.budget) == ("macs", SHOWN_BUDGET)]


def _gap(evaluation: Evaluation) -> str:
    row = _ours(evaluation)
    if row is None:
        return ""
    return (
        f"The gap to the full network is {points(row.exit_gap)} points (95 % interval "
        f"{interval(row.exit_gap_ci95)}), and {percent(row.disagreement)} of the answers differ "
        "from the full network's."
    )


def _best_rival(evaluation: Evaluation) -> str:
    rivals = [row for row in _at_shown_budget(evaluation) if row.name != OURS]
    if not rivals:
        return ""
    best = max(rivals, key=lambda row: row.accuracy)
    return (
        f"The best rival at a budget of {of_budget(SHOWN_BUDGET)} is {text(best.name)}: "
        f"right on {percent(best.accuracy)} at {percent(best.macs_fraction)}."
    )


def _against_rivals(evaluation: Evaluation) -> str:
    """What the comparison over halvings shows, rivals that are ahead included."""
    over = {} if evaluation.halvings is None else evaluation.halvings.over_budgets
    clauses = []
    for kind, words in _AGAINST.items():
        names = [name for name, difference in over.items() if verdict(difference) == kind]
        if names:
            clauses.append(f"{words} {listed(names)}")
    if not clauses:
        return ""
    return f"Over all budgets, with thresholds chosen anew, {OURS} is {'; '.join(clauses)}."
