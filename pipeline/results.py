"""The schema of `results.jsonl`, for readers of the file, tests and `dart-stream schema`."""

from typing import Any, Final

import msgspec

from pipeline.messages import ClassNumber, Count, ExitNumber, FrameNumber, Number, Share

PART_EVENT: Final = "part"


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

    label_id: ClassNumber
    confidence: Share


class RegionRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: the answer for one region."""

    schema: int
    source: str
    frame: FrameNumber
    region: Count
    zone: str | None
    segment: Count
    """Number of the unbroken stretch: grows when a camera was opened again, when its pictures have
    changed their size, with each file of several, and with each session of the source."""
    pts_s: Number
    """Seconds of source time; never falls. What passed in a gap is in it."""
    captured_at: str
    """RFC 3339, UTC."""
    box: tuple[float, float, float, float]
    """x_min, y_min, x_max, y_max in pixels."""
    track: int | None
    label: str | None
    """Null where the answer is less sure than `labels.min_confidence`."""
    smoothed_label: str | None
    """The label to show: what `labels.smooth.needed` of the last `of` answers agree on."""
    label_id: ClassNumber
    confidence: Share
    exit: ExitNumber
    difficulty: Share
    late: bool
    """Cut short by `runtime.region_deadline_ms`: the policy would have gone on."""
    audited: bool
    full_depth: FullDepth | None
    policy_version: Count
    macs: Count
    latency_ms: Latency


class LinkFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A live source's connection; a gap has ended in a reconnect, but for one at the very end."""

    reconnects: int
    gaps: int
    """Stretches without pictures; the record after one has the next `segment`."""
    gap_s: float
    """Seconds of all that have ended."""
    longest_gap_s: float
    clock_jumps: int
    """How often the camera's timestamps have jumped; `pts_s` goes on without the jumps."""


class EndRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Last line of a source, or of one of its sessions if it was changed, removed or added again.

    Numbers of frames go on from session to session: those of this one lie from `first_frame` on
    and below `end_frame`.
    """

    schema: int
    event: str
    source: str
    reason: str
    frames: dict[str, Any]
    """captured, processed, dropped by reason, in_flight, skipped, corrupt."""
    link: LinkFigures | None
    """Null for a source that is not live."""
    session: Count = 1
    """How often this name had begun, itself included."""
    first_frame: FrameNumber = 0
    """Number of the first frame in what the session played."""
    end_frame: FrameNumber | None = None
    """Number that the end itself takes: every frame of the session is below, every later one above
    it. Null in files of version 0.1."""


class PartRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """First line of a part that others came before (`max_mb` of the sink). It is no result."""

    event: str
    schema: int
    part: Count
    """Number of this part; the first is 1 and has no such line."""
    held: dict[str, Any]
    """What the parts before it hold, for `run --resume`."""
