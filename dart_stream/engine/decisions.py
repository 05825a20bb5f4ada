"""The book of one batch: who is still running, what each exit said, who stopped where."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dart_stream.engine.deadline import Deadline
from dart_stream.engine.exit_plan import ExitPlan
from dart_stream.policies import ExitObservation

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ExitDecisions:
    """What the engine answers for n regions.

    Attributes:
        label_id: (n,) the deployed answer.
        confidence: (n,) its calibrated probability.
        exit: (n,) where the region stopped; 0 is the first exit.
        cost_macs: (n,) multiply-accumulates of the stages and heads that ran for the region; an
            audit's way to full depth is included.
        audited: (n,) whether it went on to full depth on purpose.
        late: (n,) whether its deadline stopped it, and not the policy.
        exit_label_id: (n, exits) the answer of every head that ran, else -1. All heads run for
            an audited region, so that one audit can score every policy.
        exit_confidence: (n, exits) its calibrated probability, else NaN.
    """

    label_id: NDArray[np.int64]
    confidence: NDArray[np.float32]
    exit: NDArray[np.int64]
    cost_macs: NDArray[np.int64]
    audited: NDArray[np.bool_]
    late: NDArray[np.bool_]
    exit_label_id: NDArray[np.int64]
    exit_confidence: NDArray[np.float32]

    @property
    def full_label_id(self) -> NDArray[np.int64]:
        """The full-depth answer (n,) of an audited region, else -1."""
        return np.where(self.audited, self.exit_label_id[:, -1], -1)

    @property
    def full_confidence(self) -> NDArray[np.float32]:
        """The full-depth answer's calibrated probability (n,) if audited, else NaN."""
        return np.where(self.audited, self.exit_confidence[:, -1], np.float32(np.nan))


class DecisionBook:
    """Keeps the book while a batch moves from exit to exit. Numbers only; runs nothing.

    At each exit of `visits`: ask the head about `asked_rows`, `record` what it says, and go on
    with the rows that returns. Rows are positions in the batch that runs; None means all of it,
    which is the common case and then costs nothing.
    """

    def __init__(
        self,
        plan: ExitPlan,
        difficulty: NDArray[np.float32],
        audit: NDArray[np.bool_] | None,
        deadline: Deadline | None = None,
    ) -> None:
        n, num_exits = len(difficulty), len(plan.watched)
        self._plan = plan
        self._difficulty = difficulty
        self._last = num_exits - 1
        self._audit = np.zeros(n, dtype=np.bool_) if audit is None else audit
        self._any_audit = audit is not None and bool(audit.any())
        self._deadline = deadline
        self._late = np.zeros(n, dtype=np.bool_)
        self._running: Rows | slice = slice(None)  # regions in the batch that runs, in order
        self._asked: Rows | slice = slice(None)  # regions whose head runs at this exit
        self._exit = np.full(n, self._last, dtype=np.int64)
        self._labels = np.full((n, num_exits), -1, dtype=np.int64)
        self._confidences = np.full((n, num_exits), np.nan, dtype=np.float32)

    @property
    def visits(self) -> Sequence[int]:
        """Exits where any head may run: those the policy watches and the last.

        All of them with an audit, or with a deadline, which may strike anywhere.
        """
        looks_everywhere = self._any_audit or self._deadline is not None
        return range(self._last + 1) if looks_everywhere else self._plan.visits

    def asked_rows(self, exit_index: int) -> Rows | None:
        """Return whose head must run: all where the policy watches, else the audited and the late.

        None means all; there may be no row at all.
        """
        if self._plan.watched[exit_index]:
            self._asked = self._running
            return None
        asks = self._audit[self._running]
        if self._deadline is not None:
            self._stop_late(exit_index)
            asks = asks | (self._exit[self._running] == exit_index)
        rows = np.flatnonzero(asks)
        self._asked = self._regions[rows]
        return rows

    def record(self, exit_index: int, probabilities: NDArray[np.float32]) -> Rows | None:
        """Write down a head's answer, let the policy say who stops, return who goes on.

        Args:
            exit_index: the exit.
            probabilities: (rows asked, classes).
        """
        regions = self._asked
        self._labels[regions, exit_index] = probabilities.argmax(axis=1)
        self._confidences[regions, exit_index] = probabilities.max(axis=1)
        if exit_index == self._last:
            return None
        if not self._plan.watched[exit_index]:
            return None if self._deadline is None else self._go_on()
        if self._any_audit:
            return self._settle_among_audits(exit_index, probabilities)
        stops = self._plan.policy.fires(self._observe(exit_index, regions, probabilities))
        if self._deadline is None and not stops.any():
            return None
        return self._settle(exit_index, stops)

    def decisions(self) -> ExitDecisions:
        """Close the book once every region has stopped."""
        each = np.arange(len(self._exit))
        cost_macs = self._plan.cost_macs[self._exit]
        if self._any_audit:
            cost_macs[self._audit] = self._plan.audit_cost_macs
        for region in np.flatnonzero(self._late).tolist():
            exit_index = self._exit[region]
            if not self._plan.watched[exit_index]:
                cost_macs[region] += self._plan.head_macs[exit_index]
        return ExitDecisions(
            label_id=self._labels[each, self._exit],
            confidence=self._confidences[each, self._exit],
            exit=self._exit,
            cost_macs=cost_macs,
            audited=self._audit,
            late=self._late,
            exit_label_id=self._labels,
            exit_confidence=self._confidences,
        )

    def _settle_among_audits(
        self, exit_index: int, probabilities: NDArray[np.float32]
    ) -> Rows | None:
        """Do the same where some rows have their answer already and only run on as audits."""
        regions = self._regions
        undecided = np.flatnonzero(self._exit[regions] == self._last)
        stops = np.zeros(len(regions), dtype=np.bool_)
        if len(undecided):
            seen = self._observe(exit_index, regions[undecided], probabilities[undecided])
            stops[undecided] = self._plan.policy.fires(seen)
        return self._settle(exit_index, stops)

    def _settle(self, exit_index: int, stops: NDArray[np.bool_]) -> Rows:
        self._exit[self._regions[stops]] = exit_index
        if self._deadline is not None:
            self._stop_late(exit_index)
        return self._go_on()

    def _stop_late(self, exit_index: int) -> None:
        """Stop undecided regions that would miss their deadline at the next exit."""
        assert self._deadline is not None
        regions = self._regions
        undecided = self._exit[regions] == self._last
        audited = self._audit[regions]
        may_stop = regions[undecided & ~audited]
        if not len(may_stop):
            return
        together = int((undecided | audited).sum())
        late = may_stop[self._deadline.would_miss(may_stop, exit_index + 1, together)]
        self._exit[late] = exit_index
        self._late[late] = True

    def _go_on(self) -> Rows:
        """Rows of those that are undecided or audited; the others run no further."""
        regions = self._regions
        rows = np.flatnonzero((self._exit[regions] == self._last) | self._audit[regions])
        self._running = regions[rows]
        return rows

    @property
    def _regions(self) -> Rows:
        """Positions in the batch of what runs."""
        return np.arange(len(self._exit))[self._running]

    def _observe(
        self, exit_index: int, regions: Rows | slice, probabilities: NDArray[np.float32]
    ) -> ExitObservation:
        history = self._labels[regions, :exit_index]
        if self._any_audit:
            # An audit also runs heads that the policy does not watch. It must not see them, or
            # being audited would change the answer.
            history = np.where(self._plan.watched[:exit_index], history, -1)
        return ExitObservation(
            exit_index=exit_index,
            confidence=self._confidences[regions, exit_index],
            label_id=self._labels[regions, exit_index],
            difficulty=self._difficulty[regions],
            probabilities=probabilities,
            label_history=history,
        )
