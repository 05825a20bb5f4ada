"""`run --resume`: go on from the last whole line of `results.jsonl`."""

import dataclasses
from pathlib import Path
from typing import Final

import msgspec

from pipeline.config import JsonlSinkConfig
from pipeline.config_file import LoadedConfig, load_config, read_source
from pipeline.errors import ConfigError
from pipeline.messages import Counters, LinkAccount
from pipeline.readers import ResumePoint
from pipeline.redact import HIDDEN
from pipeline.schema_check import require_unicode
from pipeline.sinks.base import STOPPED, Record
from pipeline.sinks.progress import Progress, Scan
from pipeline.sinks.result_lines import cut_partial_line
from pipeline.sinks.result_parts import read_all_records, recover, scan_progress, scan_results
from pipeline.snapshot import Ledger
from pipeline.stages.hub import Hub, HubPlan, Session, SourcePlan
from pipeline.stages.hub.source import BETWEEN_S
from pipeline.supervisor.drawn_frames import frames_drawn
from pipeline.supervisor.plan import RunPlan, replace_sources
from pipeline.supervisor.recording import RESOLVED, SUMMARY
from pipeline.supervisor.source_book import SOURCES, KeptSources, read_sources
from pipeline.supervisor.stops import stop_in_all, take_stops

_LINK = ("reconnects", "gaps", "gap_s", "longest_gap_s", "clock_jumps")
_NO_LABEL: Final[Record] = {"label": None, "zone": None, "track": None}


def load_unfinished(out: Path) -> LoadedConfig:
    """The configuration of an unfinished run, as it was; the environment only fills in `${NAME}`.

    Raises:
        ConfigError: There is no run, or it kept a text without its credentials.
    """
    require_unicode(str(out.resolve()), where="--resume")
    resolved = out / RESOLVED
    if not resolved.is_file():
        raise ConfigError(f"--resume: expected the folder of a run, {out} holds no {RESOLVED}")
    for path in (resolved, out / SOURCES):
        if path.is_file() and HIDDEN in path.read_text(encoding="utf-8", errors="replace"):
            raise ConfigError(
                f"--resume: {path} was written without credentials ({HIDDEN}); put them back "
                "there, and write them as ${NAME} in configurations"
            )
    loaded = load_config(resolved, with_overrides=False)
    kept = read_sources(out)
    if kept is None:
        return loaded
    now = {"sources": kept.wanted} | ({"sinks": kept.sinks} if kept.sinks else {})
    return load_config(base=loaded.plain | now, with_overrides=False)


def resumed_hub_plan(plan: RunPlan, kept: KeptSources | None) -> HubPlan:
    """What the hub begins with: the sources that were read last, or drained, as they were then.

    Raises:
        ConfigError: A source that was to leave cannot be read any more.
    """
    begin = plan.hub_plan()
    if kept is None:
        return begin
    plans: list[SourcePlan] = []
    for name, session in kept.open.items():
        config = read_source(name, session.source)
        sources = plan.config.sources | {name: config}
        plans.append(replace_sources(plan, sources).source_plan(name))
    sessions = {name: session.session for name, session in kept.open.items()}
    return dataclasses.replace(begin, sources=plans, sessions=sessions)


def apply_progress(hub: Hub, plan: RunPlan, out: Path, kept: KeptSources | None = None) -> None:
    """Tell the hub how far each source had come in all files, so that none of them lacks a line.

    A file that is ahead drops what it already holds. Without a `jsonl` sink nothing tells how far
    the run had come, and it begins again: other sinks may then see a record twice.

    Args:
        hub: Has the sources that were read last.
        plan: What goes on.
        out: Folder of the run.
        kept: What is known of its sources, if these have changed.

    Raises:
        ConfigError: A line of a file is damaged.
    """
    (out / SUMMARY).unlink(missing_ok=True)  # of an earlier part
    files = [out / sink.file for sink in plan.config.sinks if isinstance(sink, JsonlSinkConfig)]
    for file in files:
        recover(file)
        file.touch()
        cut_partial_line(file)
    stops = [take_stops(file) for file in files]
    held = [scan_results(file) for file in files]
    _tell_sinks(hub, plan, files, held)
    scans = [each.sources for each in held]
    for name, source in hub.sources.items():
        for scan in scans:
            scan[name] = _of_session(scan.get(name, Progress()), source.session.number)
        found = [scan[name] for scan in scans]
        if found:
            # What was to leave shows no picture again, either.
            leaves = kept is not None and kept.open[name].leaving is not None
            stop = stop_in_all(stops, name, source.session.number)
            _apply(hub, name, found, stop, is_over=source.is_live or leaves)
    _remember_past(hub, scans, kept)
    if kept is not None:
        _go_on_leaving(hub, kept)
    if files and plan.config.labels.smooth.of > 1:
        _remember_labels(hub, files[0])
    for sink in hub.sinks.values():
        if sink.draws is not None:
            sink.offset = frames_drawn(hub, sink.draws, kept, has_results=bool(files))


def _tell_sinks(hub: Hub, plan: RunPlan, files: list[Path], held: list[Scan]) -> None:
    """What each file holds, so that its sink need not read the whole of it before its hello."""
    tracks = [
        track
        for track, sink in zip(hub.sinks.values(), plan.config.sinks, strict=True)
        if isinstance(sink, JsonlSinkConfig)
    ]
    for track, file, each in zip(tracks, files, held, strict=True):
        track.held, track.offset = dict(each.keys), file.stat().st_size


def nothing_left(plan: RunPlan, out: Path) -> bool:
    """Every source has come to its own end in every file, and the figures were written after it."""
    kept = read_sources(out)
    if kept is not None and any(name not in kept.open for name in kept.wanted):
        return False  # one is still to begin
    files = [out / sink.file for sink in plan.config.sinks if isinstance(sink, JsonlSinkConfig)]
    sessions = dict.fromkeys(plan.config.sources, 1)
    if kept is not None:
        sessions = {name: each.number for name, each in kept.open.items()}
    if not files or not all(file.is_file() for file in [*files, out / SUMMARY]):
        return False
    return all(
        progress.end is not None and progress.end["reason"] != STOPPED
        for file in files
        for scan in [scan_progress(file)]
        for name, number in sessions.items()
        for progress in [_of_session(scan.get(name, Progress()), number)]
    )


def _of_session(found: Progress, number: int) -> Progress:
    """Of what a file has of a source, that of the session which was read last."""
    if found.end is not None and found.end.get("session", 1) < number:
        return Progress(before=found.with_before())
    return found


def _remember_past(hub: Hub, scans: list[dict[str, Progress]], kept: KeptSources | None) -> None:
    """What sessions that are over have come to, by what the first file or else the book says."""
    for name, found in (scans[0] if scans else {}).items():
        past = found.before if name in hub.sources or found.end is None else found.with_before()
        if past is not None and past.end is not None:
            hub.sources.remember(name, *_past(past, past.end))
    for each in kept.sessions if kept is not None and not scans else ():
        if each.end_frame is not None:
            after = dataclasses.replace(
                each.session, number=each.number + 1, first_frame=each.end_frame + 1
            )
            hub.sources.remember(each.name, after, Ledger(), None, None)


def _past(found: Progress, end: Record) -> tuple[Session, Ledger, str | None, LinkAccount | None]:
    """Where the next session begins, and what this one has come to."""
    after = Session(
        number=end.get("session", 1) + 1,
        first_frame=(found.newest + 1 if end.get("end_frame") is None else end["end_frame"]) + 1,
        first_pts_s=found.newest_pts_s + BETWEEN_S,
        segment=found.segment + 1,
    )
    return after, msgspec.convert(end["frames"], Ledger), end["reason"], _link(end)


def _go_on_leaving(hub: Hub, kept: KeptSources) -> None:
    """What was to leave has left: it ends with what is written of it."""
    for name, session in kept.open.items():
        if session.leaving is not None:
            hub.release_source(name, session.leaving)
            hub.source_left(name)
    awaited = [
        name for name in kept.wanted if name not in kept.open or kept.open[name].leaving is not None
    ]
    hub.sources.expected.update(awaited)


def _apply(
    hub: Hub, name: str, found: list[Progress], stop: Record | None, *, is_over: bool
) -> None:
    """Tell the hub where one source goes on, or that it does not.

    Args:
        hub: Has the source.
        name: Of the source.
        found: What each file has of its session.
        stop: What an interrupt left of it, if it holds.
        is_over: It shows no picture twice.
    """
    open_ended = [progress for progress in found if progress.end is None]
    newest = max(found, key=lambda progress: progress.newest)
    begun = hub.sources[name].session
    if not open_ended:
        _apply_end(hub, name, found[0], found[0].end or {})
    elif stop is not None:
        _go_on_after(hub, name, newest, stop)
    elif is_over and newest.newest >= 0:
        # A camera shows no picture twice: its next one gets the next number.
        point = ResumePoint(newest.newest, max(progress.newest_pts_s for progress in found))
        segment = max(progress.segment for progress in found)
        regions = newest.regions + newest.newest_regions
        hub.resume_source(name, point, regions, newest.frames + 1, segment=segment)
    else:
        behind = min(open_ended, key=lambda progress: progress.frame)
        again = ResumePoint(behind.frame, behind.pts_s) if behind.frame >= 0 else None
        segment = max(behind.segment, begun.segment)
        hub.resume_source(name, again, behind.regions, behind.frames, segment=segment)


def _apply_end(hub: Hub, name: str, found: Progress, end: Record) -> None:
    hub.source_already_ended(name, *_account(end))
    source, begun = hub.sources[name], hub.sources[name].session
    source.link = _link(end) or source.link
    # Where a later session of this name begins; the last frames may have had no regions, and
    # so may all.
    last = (end.get("end_frame") or found.newest + 1) - 1
    if last >= 0:
        source.last_accepted = ResumePoint(last, max(found.newest_pts_s, begun.first_pts_s))
        source.segment = max(found.segment, begun.segment)


def _go_on_after(hub: Hub, name: str, found: Progress, stop: Record) -> None:
    """An interrupt leaves nothing half done, so nothing is done again and no count is lost."""
    source, begun = hub.sources[name], hub.sources[name].session
    _, counters, processed = _account(stop)
    last = max(found.newest, stop["end_frame"] - 1)
    # The last frames may have had no regions: then no line tells their time.
    pts_s = max(found.newest_pts_s, begun.first_pts_s)
    point = ResumePoint(last, pts_s) if last >= begun.first_frame else None
    regions = found.regions + found.newest_regions
    segment = max(found.segment, begun.segment)
    hub.resume_source(name, point, regions, processed, segment=segment)
    source.take_over(counters, _link(stop) or source.link)


def _remember_labels(hub: Hub, results: Path) -> None:
    """Smoothing goes on as if nothing had happened; frames that are done again answer again."""
    for record in read_all_records(results):
        source = hub.sources.get(record["source"])
        if source is None or source.last_accepted is None or "event" in record:
            continue
        first, last = source.session.first_frame, source.last_accepted.frame
        if first <= record["frame"] <= last:
            hub.remember_label(_NO_LABEL | record)


def _account(end: Record) -> tuple[str, Counters, int]:
    """Reason, counters and processed frames of an end record."""
    frames = end["frames"]
    # Nothing is in flight any more, whatever stands there.
    captured = frames["processed"] + sum(frames["dropped"].values())
    counters = Counters(captured, frames["dropped"], frames["skipped"], frames["corrupt"])
    return end["reason"], counters, frames["processed"]


def _link(end: Record) -> LinkAccount | None:
    """Of an end record; None of a source that is not live."""
    told = end.get("link")
    return None if told is None else LinkAccount(**{name: told[name] for name in _LINK})
