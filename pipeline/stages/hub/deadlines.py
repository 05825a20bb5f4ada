"""Answers against the deadline of their region: what is left of it, and how often it was over."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pipeline.messages import RegionResult
from pipeline.snapshot import DeadlineSnap
from pipeline.stages.hub.source import RegionTask
from pipeline.stages.hub.sources import Sources


@dataclass(slots=True)
class Deadlines:
    """Of the sources that cannot wait; those of others, audits and full depth have none.

    An audit that was cut short would be missing where pictures are hard or many, and the bound on
    disagreement would then speak of the easy ones only.
    """

    limit_ns: int | None
    """From capture to the answer; None sets no deadline at all."""
    sources: Sources
    """Their plans say whose regions have one."""
    regions: int = 0
    """Answered regions that had one."""
    late: int = 0
    """Of these, cut short by it."""
    overdue: int = 0
    """Of these, answered after it, cut short or not."""
    exempt: int = 0
    """Regions of these sources that ran to full depth on purpose."""

    def budgets_ms(
        self, tasks: Sequence[RegionTask], full: AbstractSet[int], now_ns: int
    ) -> list[float | None]:
        """What is left for each region of a batch; empty where none has a deadline."""
        limit_ns = self.limit_ns
        if limit_ns is None or not any(self.has_one(task) for task in tasks):
            return []
        return [
            (task.frame.header.captured_mono_ns + limit_ns - now_ns) / 1e6
            if self._is_due(task, number in full)
            else None
            for number, task in enumerate(tasks)
        ]

    def answered(
        self, task: RegionTask, result: RegionResult, *, total_ms: float, is_full: bool
    ) -> None:
        """Count an answer.

        Args:
            task: what was answered.
            result: the answer.
            total_ms: from capture to now.
            is_full: it ran to full depth on purpose.
        """
        if self.limit_ns is None or not self.has_one(task):
            return
        if is_full:
            self.exempt += 1
            return
        self.regions += 1
        self.late += result.late
        self.overdue += total_ms * 1e6 > self.limit_ns

    def has_one(self, task: RegionTask) -> bool:
        """Whether a region has a deadline, if the run has any."""
        return self.sources[task.frame.source].plan.has_deadline

    @property
    def snap(self) -> DeadlineSnap | None:
        """For monitors and the summary; None without a deadline."""
        if self.limit_ns is None:
            return None
        return DeadlineSnap(
            limit_ms=self.limit_ns / 1e6,
            regions=self.regions,
            late=self.late,
            late_share=self.late / self.regions if self.regions else None,
            overdue=self.overdue,
            overdue_share=self.overdue / self.regions if self.regions else None,
            exempt=self.exempt,
        )

    def _is_due(self, task: RegionTask, is_full: bool) -> bool:
        return self.has_one(task) and not is_full
