"""What a fuzz run found: counts, and every failure with its seed and bytes."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SHOWN_BYTES = 2_000
SLOW_S = 5.0
"""No single case may take longer."""


@dataclass(slots=True)
class Report:
    """One target."""

    target: str
    seed: int
    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
    begin_s: float = field(default_factory=time.monotonic)

    def failed(self, number: int | str, what: str, body: bytes = b"") -> None:
        """Keep what is needed to see it again."""
        shown = body[:SHOWN_BYTES].hex() + ("..." if len(body) > SHOWN_BYTES else "")
        self.failures.append(
            f"{self.target}: seed {self.seed} case {number}: {what}\n  {len(body)} bytes: {shown}"
        )

    def timed(self, number: int, seconds: float, body: bytes = b"") -> None:
        """Hold a case to its time."""
        self.slowest_s = max(self.slowest_s, seconds)
        if seconds > SLOW_S:
            self.failed(number, f"took {seconds:.1f} s", body)

    def to_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {
            "target": self.target,
            "seed": self.seed,
            "cases": self.cases,
            "outcomes": dict(self.outcomes),
            "failures": len(self.failures),
            "slowest_ms": round(self.slowest_s * 1e3, 1),
            "seconds": round(time.monotonic() - self.begin_s, 1),
            **self.notes,
        }

    def line(self) -> str:
        """For a person."""
        outcomes = ", ".join(f"{count:,} {name}" for name, count in self.outcomes.most_common(6))
        return (
            f"{self.target:<12} {self.cases:>8,} cases  {len(self.failures)} failures  {outcomes}"
        )
