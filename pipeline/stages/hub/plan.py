"""What the hub needs to know of the run."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPlan:
    """Fixed before anything is started."""

    sources: list[str]
    workers: list[str]
    sinks: list[str]
    labels: list[str]
    num_exits: int
    full_macs: int
    crop_bytes: int
    policy_version: int
    policy_body: dict[str, Any]
    max_batch: int = 64
    credits: int = 8
    credits_of: dict[str, int] = field(default_factory=dict)
    """Where a source has another number."""
    live: frozenset[str] = frozenset()
    """Sources that are cameras: opened again for ever."""
    fresh: frozenset[str] = frozenset()
    """Sources with no more frames under way than can be answered in good time."""
    max_age_of: dict[str, int] = field(default_factory=dict)
    """Nanoseconds after which a frame of a source that still waits is dropped."""
    patience_of: dict[str, int] = field(default_factory=dict)
    """Nanoseconds that the reader of a live source may say nothing, or its decoder hang."""
    batch_deadline_ns: int = 30_000_000_000
    region_deadline_ns: int | None = None
    """From capture to answer; None sets none."""
    deadline_sources: frozenset[str] = frozenset()
    """Sources whose regions have it."""
    always_full: frozenset[str] = frozenset()
    """Sources whose every region runs to full depth."""
    min_confidence: float = 0.0
    """An answer that is less sure has no label."""
    draws: dict[str, str] = field(default_factory=dict)
    """Sinks that draw, and the source whose frames each of them takes out of shared memory."""
    waits_for_sinks: frozenset[str] = frozenset()
    """Sources whose frames wait for the sinks that draw them, instead of going undrawn."""
    ring_slots: dict[str, int] = field(default_factory=dict)
    """Whole frames of a source that shared memory holds; a source that is not named is not asked
    where its pictures lie."""
    smooth: tuple[int, int] = (1, 1)
    """So many of the last so many answers must agree on the label that is shown."""
