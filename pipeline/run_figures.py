"""`summary.json` for whoever draws it: of any version, with what is there in the form it has."""

from pathlib import Path
from typing import Any

import msgspec

from pipeline.messages import Count, Number, Share


class _Frames(msgspec.Struct, frozen=True):
    captured: Count | None = None
    processed: Count | None = None
    dropped: dict[str, Count] | None = None
    in_flight: Count | None = None
    skipped: Count | None = None
    corrupt: Count | None = None


class _Source(msgspec.Struct, frozen=True):
    state: str | None = None
    sessions: Count | None = None
    reason: str | None = None
    frames: _Frames | None = None
    fps: Number | None = None
    exits: list[Share] | None = None


class _Disagreement(msgspec.Struct, frozen=True):
    estimate: Share | None = None
    upper: Share | None = None
    audits: Count | None = None
    confidence: Share | None = None
    valid_since: Count | None = None
    held: str | None = None


class _Sink(msgspec.Struct, frozen=True):
    frames_dropped: Count
    frames_lost: Count


class _Figures(msgspec.Struct, frozen=True):
    frames: _Frames | None = None
    regions: Count | None = None
    duration_s: Number | None = None
    fps: Number | None = None
    latency_ms: dict[str, Number | None] | None = None
    exits: list[Share] | None = None
    macs_fraction: Number | None = None
    disagreement: _Disagreement | None = None
    energy_j: Number | None = None
    power_w: Number | None = None
    power_source: str | None = None
    restarts: Count | None = None
    alarms: list[str] | Count | None = None
    sources: dict[str, _Source] | None = None
    sinks: dict[str, _Sink] | None = None
    host: dict[str, Any] | None = None
    versions: dict[str, Any] | None = None


def read_figures(path: Path) -> dict[str, Any] | None:
    """Read a `summary.json`; None if there is none.

    Raises:
        ValueError: it cannot be read, or is not one; in one line.
    """
    try:
        body = path.read_bytes()
        msgspec.json.decode(body, type=_Figures)
        figures: dict[str, Any] = msgspec.json.decode(body)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise ValueError(f"{path}: expected the figures of a run: {error}") from error
    return figures
