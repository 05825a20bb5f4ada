"""`run --resume`: go on from the last whole line of `results.jsonl`."""

from pathlib import Path
from typing import Any

import msgspec

from pipeline.config_file import LoadedConfig, load_config
from pipeline.errors import ConfigError
from pipeline.messages import Counters
from pipeline.readers.base import ResumePoint
from pipeline.redact import HIDDEN
from pipeline.sinks.base import Record
from pipeline.sinks.jsonl import cut_partial_line, scan_progress
from pipeline.stages.hub import Hub
from pipeline.supervisor.recording import RESOLVED

RESULTS = "results.jsonl"
STOPPED = "stopped"
"""Reason of an end that an interrupt caused."""


def load_unfinished(out: Path) -> LoadedConfig:
    """The configuration of an unfinished run.

    Raises:
        ConfigError: There is no run, or it kept a URI without its credentials.
    """
    if not (out / RESOLVED).is_file():
        raise ConfigError(f"--resume: expected the folder of a run, {out} holds no {RESOLVED}")
    loaded = load_config(out / RESOLVED, environment=None)
    for name, source in loaded.config.sources.items():
        if HIDDEN in source.uri:
            raise ConfigError(
                f"sources.{name}.uri: the run kept no credentials; write them as ${{NAME}} in the "
                f"configuration, or put the URI back into {out / RESOLVED}"
            )
    return loaded


def apply_progress(hub: Hub, out: Path) -> None:
    """Tell the hub how far each source had come."""
    results = out / RESULTS
    if not results.is_file():
        return
    cut_partial_line(results)
    _forget_stops(results)
    for name, progress in scan_progress(results).items():
        if name not in hub.sources:
            continue
        if progress.end is not None:
            hub.source_already_ended(name, *_account(progress.end))
            continue
        point = None
        if progress.frame >= 0:
            point = ResumePoint(progress.frame, progress.pts_s)
        hub.resume_source(name, point, progress.regions, progress.frames)


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
    decoder = msgspec.json.Decoder(dict[str, Any])
    with results.open("r+b") as stream:
        for line in stream:
            if b'"end_of_stream"' in line and decoder.decode(line).get("reason") == STOPPED:
                break
            offset += len(line)
        stream.truncate(offset)
