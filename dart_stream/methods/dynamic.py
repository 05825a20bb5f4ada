"""Stopping rules by dynamic programming, beside the exact search that `dart` is.

Reference: DART Eq. 11.

Differs from the paper: see `thresholds.dynamic`. Rules with and without difficulty in their states,
and with and without recall of an earlier answer, are solved for many prices; each is scored on the
raw pictures, and the best within a budget is taken. The engine cannot go back to an earlier answer
nor tell difficulties apart in steps, so no time is measured.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.method import FittedMethod, Method
from dart_stream.methods.outcome import Outcome
from dart_stream.methods.worth import worth_of_answers
from dart_stream.thresholds.budget import best_within
from dart_stream.thresholds.dynamic import Answers, BinnedChain, Bins, StoppingRule
from dart_stream.thresholds.dynamic_vectors import PRICES

_DIFFICULTY_BINS = (1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedRule(FittedMethod):
    """Leaves where the rule says so."""

    rule: StoppingRule

    @property
    def reads_difficulty(self) -> bool:
        """Whether the rule tells difficulties apart."""
        return _reads_difficulty(self.rule)

    def decide(self, table: ExitTable, costs: Costs) -> Outcome:
        """Apply the rule; with recall the surest exit so far gives the answer."""
        exits, rows = self.rule.exits(table), np.arange(len(table))
        answers = Answers.of(table, recall=self.rule.recall)
        paid = costs.paid(reads_difficulty=self.reads_difficulty)
        return Outcome(
            exits=exits,
            answers=answers.answers[rows, exits],
            confidence=answers.confidence[rows, exits].astype(np.float32),
            cost=paid.up_to_exit(self.rule.watched)[exits],
        )


class DynamicMethod(Method):
    """The best of all rules that a sweep of prices finds."""

    name: ClassVar[str] = "dynamic"

    def fit(self, table: ExitTable, costs: Costs, budgets: Sequence[float]) -> list[FittedRule]:
        """Return the best rule for each budget that any keeps to."""
        worth = worth_of_answers(table)
        rules = list(_rules(table, costs))
        cost, value = np.empty(len(rules)), np.empty(len(rules))
        rows = np.arange(len(table))
        for at, rule in enumerate(rules):
            exits = rule.exits(table)
            taken = Answers.of(table, recall=rule.recall).taken_from[rows, exits]
            paid = costs.paid(reads_difficulty=_reads_difficulty(rule))
            cost[at] = paid.up_to_exit(rule.watched)[exits].mean()
            value[at] = worth[rows, taken].mean()
        fitted = []
        for budget in budgets:
            best = best_within(cost, value, budget * costs.plain())
            if best is not None:
                fitted.append(_fitted(self.name, rules[best[0]], budget))
        return fitted


def _rules(table: ExitTable, costs: Costs) -> Iterator[StoppingRule]:
    wanted = worth_of_answers(table) > 0
    for recall, bins in product((False, True), _DIFFICULTY_BINS):
        chain = BinnedChain.of(
            Answers.of(table, recall=recall), wanted, table.difficulty, Bins(difficulty=bins)
        )
        for price in PRICES:
            cuts = chain.thresholds(costs, float(price))
            yield StoppingRule(cuts, chain.difficulty_edges, recall)


def _reads_difficulty(rule: StoppingRule) -> bool:
    return len(rule.difficulty_edges) > 0


def _fitted(name: str, rule: StoppingRule, budget: float) -> FittedRule:
    words = " / ".join(_described(column) for column in rule.thresholds.T)
    if len(rule.difficulty_edges):
        words += f", by {len(rule.difficulty_edges) + 1} bins of difficulty"
    return FittedRule(
        name=name,
        setting=f"{words}, recall" if rule.recall else words,
        budget=budget,
        rule=rule,
    )


def _described(cuts: np.ndarray) -> str:
    return " ".join("-" if cut == np.inf else f"{max(cut, 0):.3f}" for cut in cuts)
