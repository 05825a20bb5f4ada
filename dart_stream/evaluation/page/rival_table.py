"""Our method against each rival, with thresholds chosen anew on halves of the pictures."""

from collections.abc import Sequence

from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.halvings import OURS, Halvings, Rival
from dart_stream.evaluation.page.blocks import Column, Group, paragraph, section, table
from dart_stream.evaluation.page.interval_plot import common_scale, interval_plot
from dart_stream.evaluation.page.marks import BASELINE, look
from dart_stream.evaluation.page.scale import Scale
from dart_stream.evaluation.page.verdict import WORDS, verdict
from dart_stream.evaluation.page.wording import (
    NOT_MEASURED,
    count,
    interval,
    listed,
    of_budget,
    percent,
    points,
    text,
)
from dart_stream.evaluation.paired import Difference

_HEADING = f"{OURS} against each rival"


def rival_section(evaluation: Evaluation) -> str:
    """Paired differences, negative ones included."""
    halvings = evaluation.halvings
    if halvings is None or not halvings.over_budgets:
        words = "The comparison was not repeated on halves of the pictures that choose."
        return section(_HEADING, paragraph(words, "lead"))
    return section(
        _HEADING,
        paragraph(_lead(halvings, evaluation), "lead"),
        _table(halvings),
        paragraph(_costs(halvings), "note"),
        paragraph(_spread(halvings), "note"),
    )


def _lead(halvings: Halvings, evaluation: Evaluation) -> str:
    seeds = len(halvings.seeds)
    return (
        f"Accuracy of {OURS} less the rival's in percentage points, on the same "
        f"{count(evaluation.n)} pictures, averaged over {count(seeds)} random "
        f"{'half' if seeds == 1 else 'halves'} of the pictures that choose thresholds; every "
        "method chooses on the same half. Below each its 95 % interval. "
        f'<span class="ahead">{WORDS["ahead"]}</span> and '
        f'<span class="behind">{WORDS["behind"]}</span> mark intervals that exclude 0; '
        f"<em>{WORDS['even']}</em> is what they leave undecided."
    )


def _table(halvings: Halvings) -> str:
    over = halvings.over_budgets
    scale = common_scale(over[name].ci95 for name in over if name != BASELINE)
    columns: list[Column[str]] = [
        Column("rival", _name, kind="name"),
        Column("over all budgets", lambda name: _difference(over[name])),
        Column("", lambda name: _plot(over[name], scale), kind="plot"),
    ]
    budgets = sorted({rival.budget for rival in halvings.rivals}, reverse=True)
    columns += [_budget_column(halvings, budget) for budget in budgets]
    names = sorted(over, key=lambda name: -over[name].mean)
    return table(columns, [Group(names)])


def _name(name: str) -> str:
    return f'<span class="swatch {look(name)}"></span>{text(name)}'


def _budget_column(halvings: Halvings, budget: float) -> Column[str]:
    found = {rival.name: rival.difference for rival in halvings.rivals if rival.budget == budget}

    def cell(name: str) -> str:
        return _difference(found[name]) if name in found else NOT_MEASURED

    return Column(f"at {of_budget(budget)}", cell)


def _difference(difference: Difference) -> str:
    kind = verdict(difference)
    return (
        f'<span class="{kind}">{points(difference.mean)} <small>{WORDS[kind]}</small></span>'
        f"<small>{interval(difference.ci95)}</small>"
    )


def _plot(difference: Difference, scale: Scale) -> str:
    return interval_plot(difference.mean, difference.ci95, scale, verdict(difference))


def _costs(halvings: Halvings) -> str:
    """Where the comparison is least fair: the largest difference of what was spent."""
    rivals: Sequence[Rival] = halvings.rivals
    if not rivals:
        return ""
    most = max(rivals, key=lambda rival: abs(rival.ours - rival.theirs))
    return (
        f"What both spend differs most against {text(most.name)} at {of_budget(most.budget)}: "
        f"{OURS} {percent(most.ours)} of the full network's MACs, {text(most.name)} "
        f"{percent(most.theirs)}."
    )


def _spread(halvings: Halvings) -> str:
    """How much our accuracy depends on the half."""
    by_budget: dict[float, list[float]] = {}
    for row in halvings.rows:
        by_budget.setdefault(row.budget, []).append(row.accuracy)
    if len(halvings.seeds) < 2 or not by_budget:
        return ""
    ranges = [
        f"{percent(min(by_budget[budget]), 2)} to {percent(max(by_budget[budget]), 2)} at "
        f"{of_budget(budget)}"
        for budget in sorted(by_budget, reverse=True)
    ]
    return f"From half to half, the accuracy of {OURS} ranges from {listed(ranges)}."
