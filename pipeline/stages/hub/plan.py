"""What the hub needs to know of the run."""

from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.config import SourceConfig

CREDITS: Final = 8
"""Frames that a source may have in the pipeline, unless its plan says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One of the times that a source of this name is read, and where its numbers begin.

    Frames, source time and segments of a later session lie above those of all before it.
    """

    number: int = 1
    first_frame: int = 0
    first_pts_s: float = 0.0
    segment: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlan:
    """One source, for as long as it is read in one way."""

    name: str
    config: SourceConfig
    credits: int = CREDITS
    """Frames that it may have in the pipeline."""
    is_live: bool = False
    """A camera: opened again for ever."""
    is_fresh: bool = False
    """It has no more frames under way than can be answered in good time."""
    max_age_ns: int | None = None
    """A frame whose answer would be older is dropped, if it was not begun."""
    patience_ns: int | None = None
    """So long may the reader of a live source say nothing, or its decoder hang; None of others."""
    has_deadline: bool = False
    """Its regions have the run's deadline, if there is one."""
    always_full: bool = False
    """Its every region runs to full depth."""
    waits_for_sinks: bool = False
    """Its frames wait for the sinks that draw them, instead of going undrawn."""
    ring_slots: int | None = None
    """Whole frames that shared memory holds; None does not look where a picture is said to lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPlan:
    """Fixed before anything is started."""

    sources: list[SourcePlan]
    """At the start."""
    sessions: dict[str, Session] = field(default_factory=dict)
    """Where the numbers of a source begin that was changed in an earlier part of the run."""
    workers: list[str]
    sinks: list[str]
    labels: list[str]
    num_exits: int
    full_macs: int
    crop_bytes: int
    policy_version: int
    policy_body: dict[str, Any]
    max_batch: int = 64
    batch_deadline_ns: int = 30_000_000_000
    region_deadline_ns: int | None = None
    """From capture to answer; None sets none."""
    min_confidence: float = 0.0
    """An answer that is less sure has no label."""
    draws: dict[str, str] = field(default_factory=dict)
    """Sinks that draw, and the source whose frames each of them takes out of shared memory."""
    smooth: tuple[int, int] = (1, 1)
    """So many of the last so many answers must agree on the label that is shown."""
