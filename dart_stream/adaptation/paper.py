"""Adaptation as the paper prints it, for comparison: self-labels, UCB1, no audit, no promise.

Reference: DART Eq. 13-15 and 19.
Differs from the paper: see `paper_rules` for what it leaves open. The strategies among which Eq. 15
chooses are named but not listed there; here they are Eq. 13, Eq. 14 and both, chosen anew every 50
regions by the reward of Eq. 10 over the last 50, in which accuracy is self-labelled too.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final, Self
from weakref import WeakKeyDictionary

import msgspec
import numpy as np

from dart_stream.adaptation.observation import Observation
from dart_stream.adaptation.paper_rules import CONFIDENT, PaperCoefficients, self_accuracy
from dart_stream.adaptation.silent_controller import SilentController
from dart_stream.adaptation.start import Start
from dart_stream.adaptation.state import fingerprint, read_state, write_state
from dart_stream.adaptation.ucb import Ucb1
from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.methods.dart_paper import DartPaperMethod
from dart_stream.policies import DartPaperPolicy

WINDOW: Final = 1000
EVERY: Final = 50
"""Regions between updates; as often as the authors' program begins to."""

BETA_OPT: Final = 0.5
"""Price of computation in Eq. 10, the middle of its range."""

STRATEGIES: Final = ("temporal", "class-aware", "both")
_BUDGETS: Final = tuple(np.linspace(0.1, 1.0, 46).tolist())
_KNOWN: Final[WeakKeyDictionary[ExitTable, dict[str, DartPaperPolicy]]] = WeakKeyDictionary()


class PaperMemory(msgspec.Struct, forbid_unknown_fields=True):
    """What it remembers.

    Attributes:
        coefficients: of exits and classes.
        ucb: of the strategies.
        strategy: in use.
        entries: exit, class, confidence and cost share of the last regions.
        regions: seen.
        version: of the policy.
    """

    coefficients: PaperCoefficients
    ucb: Ucb1
    strategy: int = 0
    entries: list[tuple[int, int, float, float]] = []
    regions: int = 0
    version: int = 1


class PaperController(SilentController):
    """Eq. 13-15 on the deployed answers."""

    name: ClassVar[str] = "paper"

    def __init__(
        self,
        base: DartPaperPolicy,
        classes: int,
        calibration: int,
        memory: PaperMemory | None = None,
    ) -> None:
        self._base, self._classes, self._calibration = base, classes, calibration
        self._memory = memory or PaperMemory(
            coefficients=PaperCoefficients([1.0] * len(base.thresholds), [1.0] * classes),
            ucb=Ucb1([0.0] * len(STRATEGIES), [0.0] * len(STRATEGIES)),
        )
        self._policy = self._policy_now()

    @property
    def policy(self) -> DartPaperPolicy:
        """Eq. 19 with the coefficients of the moment."""
        return self._policy

    @property
    def coefficients(self) -> PaperCoefficients:
        """Of exits and classes."""
        return self._memory.coefficients

    def update(self, observation: Observation) -> None:
        """Take a region in; every 50th moves coefficients and strategy."""
        memory, seen = self._memory, observation
        memory.regions += 1
        memory.entries.append((seen.exit_index, seen.label_id, seen.confidence, seen.cost_share))
        if len(memory.entries) >= 2 * WINDOW:
            del memory.entries[:WINDOW]
        if memory.regions % EVERY == 0:
            self._adapt()

    def to_state(self) -> dict[str, Any]:
        """Return coefficients, window and trials."""
        return write_state(self._memory, self.name, self._calibration)

    def from_state(self, state: Mapping[str, Any]) -> Self:
        """Return a controller that goes on from there."""
        memory = read_state(state, PaperMemory, self.name, self._calibration)
        return type(self)(self._base, self._classes, self._calibration, memory)

    def _adapt(self) -> None:
        memory = self._memory
        window = memory.entries[-WINDOW:]
        memory.ucb.add(memory.strategy, _reward(window[-EVERY:]))
        memory.strategy = memory.ucb.best()
        early = len(self._base.thresholds)
        if STRATEGIES[memory.strategy] != "class-aware":
            memory.coefficients.temporal(self_accuracy([(e[0], e[2]) for e in window], early))
        if STRATEGIES[memory.strategy] != "temporal":
            by_class = self_accuracy([(e[1], e[2]) for e in window], self._classes)
            memory.coefficients.class_aware(by_class)
        changed = self._policy_now()
        if changed != self._policy:
            memory.version += 1
            self._policy = self._policy_now()

    def _policy_now(self) -> DartPaperPolicy:
        coefficients = self._memory.coefficients
        return replace(
            self._base,
            version=self._memory.version,
            exit_coefficients=tuple(coefficients.exits),
            class_coefficients=tuple(coefficients.classes),
        )


def paper_controller(start: Start) -> PaperController:
    """Make one."""
    table = start.calibration
    base = _base_policy(table, start.costs, start.epsilon, start.target_cost_share)
    return PaperController(base, len(table.classes), fingerprint(table))


def _reward(entries: list[tuple[int, int, float, float]]) -> float:
    """Eq. 10 in [0, 1]: share of answers right by their own label, less the price of their cost."""
    right = sum(1 for entry in entries if entry[2] >= CONFIDENT) / len(entries)
    cost = sum(entry[3] for entry in entries) / len(entries)
    return min(max(right - BETA_OPT * cost, 0.0), 1.0)


def _base_policy(
    table: ExitTable, costs: Costs, epsilon: float, target_cost_share: float | None
) -> DartPaperPolicy:
    """Thresholds among the candidates of Eq. 12, as good as the calibration pictures can tell."""
    known = _KNOWN.setdefault(table, {})
    key = repr((costs, epsilon, target_cost_share))
    if key not in known:
        budgets = _BUDGETS if target_cost_share is None else (target_cost_share,)
        by_agreement = replace(table, labels=None)
        fitted = DartPaperMethod().fit(by_agreement, costs, budgets)
        policies = [one.policy for one in fitted if isinstance(one.policy, DartPaperPolicy)]
        differing = [
            float((one.decide(by_agreement, costs).answers != table.answers[:, -1]).mean())
            for one in fitted
        ]
        safe = [p for p, d in zip(policies, differing, strict=True) if d <= epsilon]
        chosen = (safe if target_cost_share is None else policies)[:1] or policies[-1:]
        known[key] = (
            chosen[0] if chosen else DartPaperPolicy(thresholds=(1.0,) * (table.num_exits - 1))
        )
    return known[key]
