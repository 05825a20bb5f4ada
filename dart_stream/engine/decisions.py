"""The book of one batch: who is still running, what each exit said, who stopped where."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dart_stream.policies import ExitObservation, Policy

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
        full_label_id: (n,) the full-depth answer of an audited region, else -1.
        full_confidence: (n,) its calibrated probability, else NaN.
        exit_label_id: (n, exits) the answer of every head that ran, else -1. All heads run for
            an audited region, so that one audit can score every policy.
        exit_confidence: (n, exits) its calibrated probability, else NaN.
    """

    label_id: NDArray[np.int64]
    confidence: NDArray[np.float32]
    exit: NDArray[np.int64]
    cost_macs: NDArray[np.int64]
    audited: NDArray[np.bool_]
    full_label_id: NDArray[np.int64]
    full_confidence: NDArray[np.float32]
    exit_label_id: NDArray[np.int64]
    exit_confidence: NDArray[np.float32]


class DecisionBook:
    """Keeps the book while a batch moves from exit to exit. Numbers only; runs nothing.

    At each exit: `charge` the stage, ask the head for `asked_rows`, `record` its answer; then
    `surviving_rows` is the part of the batch that goes on. Rows are positions in the batch as it
    was after the exit before; `__len__` is how many there are.
    """

    def __init__(
        self,
        policy: Policy,
        difficulty: NDArray[np.float32],
        audit: NDArray[np.bool_],
        head_macs: Sequence[int],
    ) -> None:
        n, num_exits = len(difficulty), len(head_macs)
        self._policy = policy
        self._difficulty = difficulty
        self._audit = audit
        self._any_audit = bool(audit.any())
        self._head_macs = head_macs
        self._watched = np.array([policy.watches(k) for k in range(num_exits - 1)] + [True])
        self._running: Rows = np.arange(n)
        self._exit = np.full(n, -1, dtype=np.int64)
        self._cost = np.zeros(n, dtype=np.int64)
        self._labels = np.full((n, num_exits), -1, dtype=np.int64)
        self._confidences = np.full((n, num_exits), np.nan, dtype=np.float32)

    def __len__(self) -> int:
        return len(self._running)

    def charge(self, stage_macs: int) -> None:
        """Count a stage that ran for every region still running."""
        self._cost[self._running] += stage_macs

    def asked_rows(self, exit_index: int) -> Rows:
        """Return whose head must run: all where the policy watches, else only the audited."""
        if self._watched[exit_index]:
            return np.arange(len(self._running))
        if not self._any_audit:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self._audit[self._running])

    def record(self, exit_index: int, asked: Rows, probabilities: NDArray[np.float32]) -> None:
        """Write down a head's answer and let the policy say who stops.

        Args:
            exit_index: the exit.
            asked: what `asked_rows` returned.
            probabilities: (len(asked), classes).
        """
        regions = self._running[asked]
        self._labels[regions, exit_index] = probabilities.argmax(axis=1)
        self._confidences[regions, exit_index] = probabilities.max(axis=1)
        self._cost[regions] += self._head_macs[exit_index]
        if not self._watched[exit_index]:
            return
        is_open = self._exit[regions] < 0
        if not is_open.all():
            regions, probabilities = regions[is_open], probabilities[is_open]
        if len(regions):
            stops = self._stops(exit_index, regions, probabilities)
            self._exit[regions[stops]] = exit_index

    def surviving_rows(self) -> Rows:
        """Return who goes on to the next stage, and take the others out of the batch."""
        goes_on = self._exit[self._running] < 0
        if self._any_audit:
            goes_on |= self._audit[self._running]
        if goes_on.all():
            return np.arange(len(self._running))
        rows = np.flatnonzero(goes_on)
        self._running = self._running[rows]
        return rows

    def decisions(self) -> ExitDecisions:
        """Close the book; every region must have stopped somewhere."""
        assert np.all(self._exit >= 0), self._exit  # noqa: S101 - an invariant, not a check of input
        each = np.arange(len(self._exit))
        full_confidence = np.where(self._audit, self._confidences[:, -1], np.float32(np.nan))
        return ExitDecisions(
            label_id=self._labels[each, self._exit],
            confidence=self._confidences[each, self._exit],
            exit=self._exit,
            cost_macs=self._cost,
            audited=self._audit,
            full_label_id=np.where(self._audit, self._labels[:, -1], -1),
            full_confidence=full_confidence,
            exit_label_id=self._labels,
            exit_confidence=self._confidences,
        )

    def _stops(
        self, exit_index: int, regions: Rows, probabilities: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        if exit_index == len(self._head_macs) - 1:
            return np.ones(len(regions), dtype=np.bool_)
        # An audit also runs heads that the policy does not watch. It must not see them, or being
        # audited would change the answer.
        history = self._labels[regions, :exit_index]
        history[:, ~self._watched[:exit_index]] = -1
        seen = ExitObservation(
            exit_index=exit_index,
            confidence=self._confidences[regions, exit_index],
            label_id=self._labels[regions, exit_index],
            difficulty=self._difficulty[regions],
            probabilities=probabilities,
            label_history=history,
        )
        return self._policy.fires(seen)
