"""The last 1,000 regions, per exit and per class.

Reference: DART section on online adaptation: a sliding window of the last 1,000 inferences.
Differs from the paper: agreement is known of audits alone, and weighted by 1/q.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from dart_stream.adaptation.observation import Observation

LENGTH: Final = 1000

Entry = tuple[int, int, float, float, float, int, float | None, float | None]
"""Exit, class, confidence, cost share, weight of the audit (0 if none), whether it agreed,
milliseconds, joules."""


@dataclass(frozen=True, slots=True)
class WindowRow:
    """What is known of one exit or one class.

    Attributes:
        regions: in the window.
        confidence: mean, in [0, 1]; None without regions.
        cost_share: mean, audits included; None without regions.
        agreement: share of audits that full depth agreed with, weighted; None without audits.
        audits: that it comes from.
        time_ms: mean over the regions that it was measured of; None if of none.
        energy_j: likewise, in joules.
    """

    regions: int
    confidence: float | None
    cost_share: float | None
    agreement: float | None
    audits: int
    time_ms: float | None
    energy_j: float | None


class SlidingWindow(msgspec.Struct, forbid_unknown_fields=True):
    """Keeps entries; figures are computed when they are asked for."""

    entries: list[Entry] = []

    def add(self, seen: Observation) -> None:
        """Take one region in."""
        audit = seen.audit
        weight, agrees = 0.0, 0
        if audit is not None:
            weight, agrees = 1.0 / audit.probability, int(seen.label_id == audit.label_ids[-1])
        entries = self.entries
        entries.append(
            (
                seen.exit_index,
                seen.label_id,
                seen.confidence,
                seen.cost_share,
                weight,
                agrees,
                seen.time_ms,
                seen.energy_j,
            )
        )
        if len(entries) >= 2 * LENGTH:
            del entries[:LENGTH]

    def per_exit(self, exits: int) -> list[WindowRow]:
        """One row per exit."""
        return [self._row([e for e in self.last if e[0] == k]) for k in range(exits)]

    def per_class(self, classes: int) -> list[WindowRow]:
        """One row per deployed answer."""
        return [self._row([e for e in self.last if e[1] == y]) for y in range(classes)]

    def overall(self) -> WindowRow:
        """All of the window."""
        return self._row(self.last)

    @property
    def last(self) -> list[Entry]:
        """The entries that count."""
        return self.entries[-LENGTH:]

    @staticmethod
    def _row(entries: list[Entry]) -> WindowRow:
        weight = sum(e[4] for e in entries)
        n = len(entries)
        return WindowRow(
            regions=n,
            confidence=sum(e[2] for e in entries) / n if n else None,
            cost_share=sum(e[3] for e in entries) / n if n else None,
            agreement=sum(e[4] * e[5] for e in entries) / weight if weight else None,
            audits=sum(1 for e in entries if e[4]),
            time_ms=_mean([e[6] for e in entries]),
            energy_j=_mean([e[7] for e in entries]),
        )


def _mean(values: list[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return sum(measured) / len(measured) if measured else None
