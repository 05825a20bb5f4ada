"""The lines of `results.jsonl`; their schema stands in `pipeline.results`."""

import functools
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pipeline.messages import SCHEMA_VERSION, LinkAccount, RegionResult
from pipeline.sinks.base import END_EVENT, FRAME_EVENT, Record
from pipeline.stages.hub.source import PendingFrame, RegionTask, SourceTrack


class Times(NamedTuple):
    """Milliseconds of one answer."""

    queue_ms: float
    """From capture to the worker."""
    infer_ms: float
    """Of the whole batch."""
    total_ms: float
    """From capture to now."""


def region_record(
    task: RegionTask, result: RegionResult, *, label: str | None, policy_version: int, times: Times
) -> Record:
    """The line of one region; its smoothed label is known once its turn has come."""
    frame = task.frame.header
    region = frame.regions[task.number]
    full_depth = None
    if result.exit_label_ids:
        full_depth = {
            "label_id": result.exit_label_ids[-1],
            "confidence": round(result.exit_confidences[-1], 6),
        }
    return {
        "schema": SCHEMA_VERSION,
        "source": task.frame.source,
        "frame": frame.frame,
        "region": task.number,
        "zone": region.name,
        "segment": frame.segment,
        "pts_s": round(frame.pts_s, 6),
        "captured_at": _rfc3339(frame.captured_at_ns),
        "box": list(region.box),
        "track": region.track,
        "label": label,
        "smoothed_label": None,
        "label_id": result.label_id,
        "confidence": round(result.confidence, 6),
        "exit": result.exit,
        "difficulty": round(result.difficulty, 6),
        "late": result.late,
        "audited": full_depth is not None,
        "full_depth": full_depth,
        "policy_version": policy_version,
        "macs": result.macs,
        "latency_ms": {
            "decode": round(frame.decode_ms, 3),
            "queue": round(times.queue_ms, 3),
            "infer": round(times.infer_ms, 3),
            "total": round(times.total_ms, 3),
        },
    }


def frame_record(frame: PendingFrame) -> Record:
    """For sinks that draw: where a frame's picture lies, and the lines of its regions."""
    return {
        "schema": SCHEMA_VERSION,
        "event": FRAME_EVENT,
        "source": frame.source,
        "frame": frame.header.frame,
        "pts_s": round(frame.header.pts_s, 6),
        "picture": [frame.reader, frame.header.slot],
        "regions": [record for record in frame.records if record is not None],
    }


def end_record(source: SourceTrack) -> Record:
    """The last line of a source, or of one of its sessions."""
    assert source.ended is not None
    ledger = source.ledger
    return {
        "schema": SCHEMA_VERSION,
        "event": END_EVENT,
        "source": source.name,
        "reason": source.ended.reason,
        "session": source.session.number,
        "first_frame": source.session.first_frame,
        "end_frame": source.end_frame,
        "frames": {
            "captured": ledger.captured,
            "processed": ledger.processed,
            "dropped": ledger.dropped,
            "in_flight": ledger.in_flight,
            "skipped": ledger.skipped,
            "corrupt": ledger.corrupt,
        },
        "link": link_figures(source.link) if source.is_live else None,
    }


def link_figures(link: LinkAccount) -> dict[str, Any]:
    """How often a live source was away, and for how long."""
    return {
        "reconnects": link.reconnects,
        "gaps": link.gaps,
        "gap_s": round(link.gap_s, 3),
        "longest_gap_s": link.longest_gap_s,
        "clock_jumps": link.clock_jumps,
    }


def _rfc3339(time_ns: int) -> str:
    second, rest_ns = divmod(time_ns, 1_000_000_000)
    return f"{_to_the_second(second)}.{rest_ns // 1_000:06d}Z"


@functools.lru_cache(maxsize=64)
def _to_the_second(second: int) -> str:
    """Many frames share a second, and a date is dear."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
