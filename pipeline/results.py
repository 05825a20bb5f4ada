"""The schema of `results.jsonl`, for readers of the file, tests and `dart-stream schema`."""

from typing import Any

import msgspec


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds. `total` runs from capture to the hub's record of the answer."""

    decode: float
    queue: float
    """From capture to the worker."""
    infer: float
    """Of the whole batch."""
    total: float


class FullDepth(msgspec.Struct, frozen=True):
    """What the full network says of an audited region."""

    label_id: int
    confidence: float


class RegionRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: the answer for one region."""

    schema: int
    source: str
    frame: int
    region: int
    zone: str | None
    pts_s: float
    captured_at: str
    """RFC 3339, UTC."""
    box: tuple[float, float, float, float]
    """x_min, y_min, x_max, y_max in pixels."""
    track: int | None
    label: str | None
    """Null where the answer is less sure than `labels.min_confidence`."""
    smoothed_label: str | None
    """The label to show: what `labels.smooth.needed` of the last `of` answers agree on."""
    label_id: int
    confidence: float
    exit: int
    difficulty: float
    late: bool
    """Cut short by `runtime.region_deadline_ms`: the policy would have gone on."""
    audited: bool
    full_depth: FullDepth | None
    policy_version: int
    macs: int
    latency_ms: Latency


class EndRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Last line of a source."""

    schema: int
    event: str
    source: str
    reason: str
    frames: dict[str, Any]
    """captured, processed, dropped by reason, in_flight, skipped, corrupt."""
