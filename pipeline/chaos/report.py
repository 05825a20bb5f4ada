"""What a drill has found: figures for a file, and tables for a person."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pipeline.chaos.drill import Hit
from pipeline.chaos.ledger_check import Checked


class KindRow(msgspec.Struct, frozen=True):
    """All faults of one kind against one role; times are of those that the next left time for."""

    kind: str
    role: str
    number: int
    survived: int
    recovery_ms_median: float | None
    recovery_ms_max: float | None


@dataclass(frozen=True, slots=True)
class ChaosReport:
    """A whole drill.

    Attributes:
        command: That made it.
        seed: Of the faults.
        planned: How many were asked for.
        hits: Those that struck.
        skipped: Kinds that could not be done here, and why.
        duration_s: From the start of the run to the last recovery.
        snapshots: States of the run that were received, whose ledgers were checked.
        checked: The ledger at the end.
        problems: All that went wrong; none if the run has kept what it promises.
        exit_status: Of the run.
        restarts: How often each stage was seen to be started again.
        host: Where.
        versions: Of packages.
        is_interrupted: It was ended before its time.
    """

    command: str
    seed: int
    planned: int
    hits: Sequence[Hit]
    skipped: dict[str, str]
    duration_s: float
    snapshots: int
    checked: Checked
    problems: list[str]
    exit_status: int | None
    restarts: dict[str, int]
    host: dict[str, Any]
    versions: dict[str, Any]
    is_interrupted: bool

    @property
    def rows(self) -> list[KindRow]:
        """By kind and role, in the order of their first hit."""
        groups: dict[tuple[str, str], list[Hit]] = {}
        for hit in self.hits:
            stage = hit.strike.stage
            role = "run" if stage is None else stage.role
            groups.setdefault((hit.strike.kind, role), []).append(hit)
        return [_row(kind, role, hits) for (kind, role), hits in sorted(groups.items())]

    def to_dict(self) -> dict[str, Any]:
        """For the file."""
        return {
            "command": self.command,
            "host": self.host,
            "versions": self.versions,
            "seed": self.seed,
            "planned": self.planned,
            "struck": len(self.hits),
            "interrupted": self.is_interrupted,
            "skipped": self.skipped,
            "duration_s": round(self.duration_s, 1),
            "kinds": [msgspec.structs.asdict(row) for row in self.rows],
            "snapshots_checked": self.snapshots,
            "restarts": self.restarts,
            "run_exit_status": self.exit_status,
            "frames": self.checked.frames,
            "regions": self.checked.regions,
            "exact_frames": self.checked.exact_frames,
            "problems": self.problems,
            "faults": [hit_to_dict(hit) for hit in self.hits],
        }


def hit_to_dict(hit: Hit) -> dict[str, Any]:
    """One fault, flat."""
    return {
        "number": hit.strike.number,
        "kind": hit.strike.kind,
        "target": hit.strike.target,
        "at_s": hit.at_s,
        "seconds": hit.strike.seconds,
        "did": hit.did,
        "recovery_ms": None if hit.recovery_s is None else round(hit.recovery_s * 1e3),
        "problem": hit.problem,
    }


def hit_line(hit: Hit) -> str:
    """One fault, for a person."""
    strike = hit.strike
    lasted = f"{strike.seconds:.1f} s" if strike.seconds else ""
    outcome = hit.problem or "the next at once"
    if hit.recovery_s is not None:
        outcome = f"back after {hit.recovery_s * 1e3:,.0f} ms"
    did = f"  ({hit.did})" if hit.did else ""
    return (
        f"{hit.at_s:8.1f} s  {strike.number:4d}  {strike.kind:<9} {strike.target:<18} "
        f"{lasted:>7}  {outcome}{did}"
    )


def _row(kind: str, role: str, hits: list[Hit]) -> KindRow:
    times_ms = [hit.recovery_s * 1e3 for hit in hits if hit.recovery_s is not None]
    return KindRow(
        kind=kind,
        role=role,
        number=len(hits),
        survived=sum(hit.problem is None for hit in hits),
        recovery_ms_median=round(statistics.median(times_ms)) if times_ms else None,
        recovery_ms_max=round(max(times_ms)) if times_ms else None,
    )
