"""The schema of `summary.json`, for readers of the file, tests and `dart-stream schema`."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pipeline.messages import Count, Share
from pipeline.results import LinkFigures


class FrameCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """captured = processed + all dropped + in_flight; skipped and corrupt stand outside."""

    captured: int
    processed: int
    dropped: dict[str, int]
    in_flight: int
    skipped: int
    corrupt: int


class LatencyFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Milliseconds from capture to recorded answer, since the run began or was resumed last."""

    p50: float | None
    p95: float | None
    p99: float | None


class SourceSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source: all of its sessions, if it was changed or came back."""

    state: str
    reason: str | None
    frames: FrameCounts
    regions: int
    fps: float | None
    exits: list[float] | None
    link: LinkFigures | None
    """Null for a source that is not live."""
    sessions: int = 1
    """How often it began; state, reason and link are of the last time."""


class WorkerSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One worker."""

    description: str
    regions: int
    batches: int
    busy_s: float
    cpu_s: float


class Disagreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Share of answers that differ from full depth, as the evidence at the end of the run has it.

    Both shares are null where everything ran to full depth, and while a policy that a person
    holds has had no audit. "estimate" is of audits alone; at home calibration pictures count among
    them.
    """

    estimate: Share | None
    upper: Share | None
    """Bound at `confidence`."""
    audits: Count
    confidence: Annotated[float, Meta(gt=0, lt=1)]
    window: Count
    """Regions since the evidence began."""
    valid_since: Count
    """Region at which it began, counted over all sources."""
    at_home: bool
    """Calibration pictures count as audits."""
    held: str | None = None
    """Why a person held the policy at the end: all is then of this policy alone. Null: it adapted.
    """


class TruthFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What labels given by hand say; the last two are of labelled audits alone."""

    labels: int
    accuracy: float
    audited: int
    full_depth_accuracy: float | None
    exit_gap: float | None


class DeadlineSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers against `runtime.region_deadline_ms`; shares are null without any such region."""

    limit_ms: float
    regions: int
    """Answered regions that had a deadline."""
    late: int
    """Of these, cut short by it."""
    late_share: float | None
    overdue: int
    """Of these, answered after it, cut short or not."""
    overdue_share: float | None
    exempt: int
    """Audits and other regions that ran to full depth on purpose."""


class SinkSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sink; a frame can only be missing in what is drawn, never in results."""

    frames_dropped: int
    """Not drawn, because the sink was slower than a source that does not wait."""
    frames_lost: int
    """Given to the sink and not in what it wrote, because it died."""


class RunSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run in figures; null is "not measured"."""

    frames: FrameCounts
    regions: int
    duration_s: float
    fps: float | None
    latency_ms: LatencyFigures
    exits: list[float] | None
    macs_fraction: float | None
    average_exit_depth: float | None
    compute_savings_ratio: float | None
    disagreement: Disagreement | None
    """Null for a run that did not adapt, or whose adapter failed."""
    truth: TruthFigures | None
    """Null without a label given by hand (`dart-stream control label`)."""

    deadline: DeadlineSummary | None
    """Null for a run without one."""
    energy_j: float | None
    power_w: float | None
    power_source: str | None
    policy_versions: list[int]
    """Those in force, in order; the last 1,000."""
    alarms: list[str]
    """The last 1,000."""
    restarts: int
    refused_messages: int
    not_written: dict[str, int]
    """Records and lines that a full disk cost, by file; results are never among them."""
    refused_clients: int
    """Attempts to connect from other hosts without a known key."""
    sources: dict[str, SourceSummary]
    workers: dict[str, WorkerSummary]
    sinks: dict[str, SinkSummary]
    model: str
    policy: dict[str, Any]
    """The last one."""
    cpu_s: dict[str, float]
    host: dict[str, Any]
    versions: dict[str, str | None]
