"""The state of a run at one moment, whole: what the monitor draws and the recording keeps."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pipeline.finite import require_finite

MAX_CLASS_NAMES: Final = 100
"""Names that travel with every snapshot."""
MAX_EXITS: Final = 255
DIFFICULTY_BINS: Final = 10
_LATEST_S: Final = 1e11
"""Unix time, in the year 5138."""
_Logit = Annotated[float, Meta(ge=-1e15, le=1e15)]


class Snap(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the parts of a snapshot."""


class Ledger(Snap, frozen=True, kw_only=True):
    """Frames: captured = processed + sum of dropped + in flight, at every moment."""

    captured: int = 0
    processed: int = 0
    dropped: dict[str, int] = {}
    in_flight: int = 0
    skipped: int = 0
    """Left out on purpose (stride, max_fps, start); outside the balance."""
    corrupt: int = 0
    """Undecodable packets; outside the balance."""


class LatencySnap(Snap, frozen=True, kw_only=True):
    """Milliseconds from capture to recorded answer, over the recent window; None without any."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class SourceSnap(Snap, frozen=True, kw_only=True):
    """One source."""

    name: str
    uri: str
    """Without credentials."""
    state: str
    """starting, running, ended, restarting, reconnecting, failed."""
    fps: float
    """Frames completed per second over the recent window."""
    queue_len: int
    """Frames accepted by the hub and not completed."""
    frame_age_ms: float | None
    """Age of the last completed frame at completion."""
    position_s: float | None
    """Source time of the last completed frame."""
    ledger: Ledger
    exits: list[float]
    """Share per exit over the recent window."""
    reconnects: int = 0
    """How often a live source has come back."""
    phase: str | None = None
    """Scripted shift in force, if any."""


class WorkerSnap(Snap, frozen=True, kw_only=True):
    """One worker."""

    name: str
    state: str
    description: str
    """Device, precision, threads."""
    regions: int
    batches: int
    busy: float
    """Share of the recent window spent on batches, 0 to 1."""


class PolicySnap(Snap, frozen=True, kw_only=True):
    """The policy in force."""

    version: int
    kind: str
    thresholds: list[float | None]
    coefficients: list[list[_Logit]] = []
    """Per class and early exit, in logits; positive asks for more confidence. Empty means 0."""


class AdaptationSnap(Snap, frozen=True, kw_only=True):
    """What adaptation knows; None in the snapshot of a run that keeps its policy."""

    frozen: str | None = None
    """Why the policy does not change any more; the rest is then unknown."""
    held: str | None = None
    """Why a person keeps the policy as it is for now; evidence is then of this policy alone."""
    epsilon: float
    """Limit on the share of answers that differ from full depth."""
    confidence: float
    """Of `upper`."""
    estimate: float | None = None
    """Share of answers that differ; None at full depth."""
    upper: float | None = None
    """Its upper bound."""
    unchanged: float | None = None
    """Share that would differ had the last alarm changed nothing; None before one and at home."""
    audits: int = 0
    """Scenes that these come from; with calibration pictures `at_home`."""
    valid_since: int = 0
    """Region at which this evidence begins, counted over all sources."""
    window: int = 0
    """Regions since then."""
    at_home: bool = False
    """The stream looks like the calibration pictures, and they count as audits."""
    full_depth: bool = False
    """A burst: everything runs to full depth."""
    audit_rate: float = 0.0
    """Of the next region, in [0, 1]."""
    rung: int = -1
    """In use, from safe to aggressive; -1 is full depth."""
    rungs: int = 0
    released: int = 0
    """Rungs that evidence allows."""
    exit_gap: float | None = None
    """Share of recent audits whose early answer was another: accuracy lost by leaving early is no
    more."""
    backbone_drop: float = 0.0
    """Accuracy that full depth itself seems to have lost since calibration."""
    repeats: float = 0.0
    """Share of recent regions that show what the one before showed."""
    acceptance: list[float | None] = []
    """Per class, share of audits sure enough to teach."""
    alarms: int = 0
    last_alarm: str | None = None


class TruthSnap(Snap, frozen=True, kw_only=True):
    """What true labels say that a person gave."""

    labels: int
    accuracy: float
    """Of the answers given, over all labels."""
    audited: int
    """Labelled regions that full depth answered, too."""
    full_depth_accuracy: float | None
    """Over those."""
    exit_gap: float | None
    """Accuracy lost by leaving early, over those."""


class DeadlineSnap(Snap, frozen=True, kw_only=True):
    """Answers against `runtime.region_deadline_ms`, since the start."""

    limit_ms: float
    """From capture to the hub's record of the answer."""
    regions: int = 0
    """Answered regions that had a deadline."""
    late: int = 0
    """Of these, cut short by it: they have the answer of an earlier exit than the policy's."""
    late_share: float | None = None
    overdue: int = 0
    """Of these, answered after it, cut short or not."""
    overdue_share: float | None = None
    exempt: int = 0
    """Audits and other regions that run to full depth on purpose; they have no deadline."""


class PowerSnap(Snap, frozen=True, kw_only=True):
    """Energy since the start; None where nothing was measured."""

    power_w: float | None = None
    energy_j: float | None = None
    source: str | None = None
    """Name of the sensor, None when not measured."""


class Snapshot(Snap, frozen=True, kw_only=True):
    """Everything a monitor needs, so that one that joins late misses nothing."""

    run: str
    state: str
    """starting, running, paused, draining, done."""
    time_s: float
    """Unix time."""
    uptime_s: float
    model: str
    num_exits: int
    sources: list[SourceSnap]
    workers: list[WorkerSnap]
    policy: PolicySnap
    fps: float
    regions_per_s: float
    regions: int
    latency_ms: LatencySnap
    exits: list[float]
    """Share per exit since the start."""
    recent_exits: list[float]
    """Share per exit over the recent window."""
    difficulty: list[float]
    """Histogram of difficulty over the recent window, 10 bins of [0, 1], shares."""
    macs_fraction: float | None
    """Multiply-accumulates spent over those of full depth, since the start."""
    recent_macs_fraction: float | None
    ledger: Ledger
    power: PowerSnap
    restarts: int
    alarms: list[str]
    """The last 100."""
    log: list[str]
    """Last lines of the log."""
    num_alarms: int = 0
    """So far."""
    adaptation: AdaptationSnap | None = None
    adaptation_off: str | None = None
    """Why there is none."""
    truth: TruthSnap | None = None
    """None without a label given by hand."""

    deadline: DeadlineSnap | None = None
    """None for a run without one."""
    classes: list[str] = []
    """Names; empty for a model with more than `MAX_CLASS_NAMES`."""
    cpu_s: dict[str, float] = {}
    """Processor seconds by stage since its start, all incarnations; threads count as supervisor."""
    slept_s: float = 0.0
    """How long the machine was suspended meanwhile, in which `uptime_s` stood still."""
    not_written: dict[str, int] = {}
    """Records and lines that a full disk cost so far, by file; results are never among them."""


def require_sound(snapshot: Snapshot) -> None:
    """Refuse a state that no run can be in, so that whoever draws it need not expect it.

    Raises:
        ValueError: A number is not finite, a time is none that a calendar can write, or a list has
            another length than what it describes.
    """
    require_finite(msgspec.to_builtins(snapshot))
    if not 0 <= snapshot.time_s <= _LATEST_S:
        raise ValueError(f"time_s: expected 0 to {_LATEST_S:g}, got {snapshot.time_s:g}")
    exits = snapshot.num_exits
    if not 1 <= exits <= MAX_EXITS:
        raise ValueError(f"expected 1 to {MAX_EXITS} exits, got {exits}")
    policy = snapshot.policy
    for what, got, allowed in (
        ("exits", len(snapshot.exits), {exits}),
        ("recent_exits", len(snapshot.recent_exits), {exits}),
        ("difficulty", len(snapshot.difficulty), {DIFFICULTY_BINS}),
        *(("sources.exits", len(source.exits), {exits}) for source in snapshot.sources),
        ("policy.thresholds", len(policy.thresholds), {0, exits - 1}),
        *(("policy.coefficients", len(row), {exits - 1}) for row in policy.coefficients),
    ):
        if got not in allowed:
            raise ValueError(f"{what}: expected {max(allowed)} entries, got {got}")
