"""`run --resume`: go on from the last whole line of `results.jsonl`."""

from pathlib import Path

from pipeline.config import JsonlSinkConfig
from pipeline.config_file import LoadedConfig, load_config
from pipeline.errors import ConfigError
from pipeline.messages import Counters
from pipeline.readers import ResumePoint
from pipeline.redact import HIDDEN
from pipeline.sinks.base import UNKNOWN_OFFSET, Record
from pipeline.sinks.jsonl import (
    Progress,
    cut_partial_line,
    decode_line,
    read_records,
    scan_progress,
    whole_lines,
)
from pipeline.stages.hub import Hub
from pipeline.supervisor.plan import RunPlan
from pipeline.supervisor.recording import RESOLVED, SUMMARY
from pipeline.supervisor.source_traits import traits_of

STOPPED = "stopped"
"""Reason of an end that an interrupt caused."""


def load_unfinished(out: Path) -> LoadedConfig:
    """The configuration of an unfinished run, as it was; the environment only fills in `${NAME}`.

    Raises:
        ConfigError: There is no run, or it kept a text without its credentials.
    """
    resolved = out / RESOLVED
    if not resolved.is_file():
        raise ConfigError(f"--resume: expected the folder of a run, {out} holds no {RESOLVED}")
    if HIDDEN in resolved.read_text(encoding="utf-8", errors="replace"):
        raise ConfigError(
            f"--resume: {resolved} was written without credentials ({HIDDEN}); put them back "
            "there, and write them as ${NAME} in configurations"
        )
    return load_config(resolved, with_overrides=False)


def apply_progress(hub: Hub, plan: RunPlan, out: Path) -> None:
    """Tell the hub how far each source had come in all files, so that none of them lacks a line.

    A file that is ahead drops what it already holds. Without a `jsonl` sink nothing tells how far
    the run had come, and it begins again: other sinks may then see a record twice.

    Raises:
        ConfigError: A line of a file is damaged.
    """
    (out / SUMMARY).unlink(missing_ok=True)  # of an earlier part
    files = [out / sink.file for sink in plan.config.sinks if isinstance(sink, JsonlSinkConfig)]
    for file in files:
        file.touch()
        cut_partial_line(file)
        _forget_stops(file)
    scans = [scan_progress(file) for file in files]
    for name, source in plan.config.sources.items():
        found = [scan.get(name, Progress()) for scan in scans]
        if found:
            _apply(hub, name, found, is_live=traits_of(source).live)
    if files and plan.config.labels.smooth.of > 1:
        _remember_labels(hub, files[0])
    for sink in hub.sinks.values():
        if sink.draws is not None:
            drawn = hub.sources[sink.draws]
            sink.offset = drawn.resumed_frames if drawn.waits_for_sinks else UNKNOWN_OFFSET


def nothing_left(plan: RunPlan, out: Path) -> bool:
    """Every source has come to its own end in every file, and the figures were written after it."""
    files = [out / sink.file for sink in plan.config.sinks if isinstance(sink, JsonlSinkConfig)]
    if not files or not all(file.is_file() for file in [*files, out / SUMMARY]):
        return False
    return all(
        progress.end is not None and progress.end["reason"] != STOPPED
        for file in files
        for scan in [scan_progress(file)]
        for progress in [scan.get(name, Progress()) for name in plan.config.sources]
    )


def _apply(hub: Hub, name: str, found: list[Progress], *, is_live: bool) -> None:
    open_ended = [progress for progress in found if progress.end is None]
    if not open_ended:
        hub.source_already_ended(name, *_account(found[0].end or {}))
        return
    behind = min(open_ended, key=lambda progress: progress.frame)
    if is_live and behind.newest >= 0:
        # A camera shows no picture twice: its next one gets the next number.
        newest = max(progress.newest for progress in found)
        after_newest = ResumePoint(newest, behind.pts_s)
        last = max(progress.segment for progress in found)
        hub.resume_source(name, after_newest, behind.regions, behind.frames + 1, segment=last)
        return
    point = ResumePoint(behind.frame, behind.pts_s) if behind.frame >= 0 else None
    hub.resume_source(name, point, behind.regions, behind.frames, segment=behind.segment)


def _remember_labels(hub: Hub, results: Path) -> None:
    """Smoothing goes on as if nothing had happened; frames that are done again answer again."""
    for record in read_records(results, 0):
        source = hub.sources.get(record["source"])
        point = None if source is None else source.last_accepted
        if "event" not in record and point is not None and record["frame"] <= point.frame:
            hub.remember_label(record)


def _account(end: Record) -> tuple[str, Counters, int]:
    """Reason, counters and processed frames of an end record."""
    frames = end["frames"]
    counters = Counters(frames["captured"], frames["dropped"], frames["skipped"], frames["corrupt"])
    return end["reason"], counters, frames["processed"]


def _forget_stops(results: Path) -> None:
    """Cut from the first end record that an interrupt wrote: its source goes on, and so may others.

    Lines of other sources behind it are cut too and done again.
    """
    offset = 0
    with results.open("r+b") as stream:
        for line in whole_lines(stream, results):
            if b'"end_of_stream"' in line and decode_line(line, results).get("reason") == STOPPED:
                break
            offset += len(line)
        stream.truncate(offset)
