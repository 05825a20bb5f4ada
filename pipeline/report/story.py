"""What a recording tells of a run, gathered in one pass."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.errors import ConfigError
from pipeline.recording import RecordedRun
from pipeline.recording.reader import Record, to_snapshot
from pipeline.report.course import Course
from pipeline.report.steady_time import SteadyTime
from pipeline.run_figures import read_figures
from pipeline.snapshot import Snapshot, SourceSnap
from pipeline.supervisor.source_book import KeptSources, read_sources

_MOST_ALARMS: Final = 500
_MOST_POLICIES: Final = 500
_TELL_EVERY: Final = 500


@dataclass(slots=True)
class AlarmNote:
    """An alarm, at the first snapshot that knows it (Unix time)."""

    time_s: float
    words: str


@dataclass(slots=True)
class PolicyNote:
    """A policy, and when it came into force (Unix time)."""

    time_s: float
    version: int
    body: dict[str, Any]


@dataclass(slots=True)
class Story:
    """A run.

    Attributes:
        folder: of the run.
        course: figures over time.
        last: the last snapshot.
        sources: by name, the last that a snapshot says of each, those that are gone included.
        book: `sources.json`; None where sources stayed those of the start, or if it is damaged.
        summary: `summary.json`; None if the run was killed or still goes on, empty if it cannot be
            read.
        config: `config.resolved.yaml` as it is written; None if it is gone.
        alarms: the last ones, in order.
        num_alarms: of the whole recording.
        policies: the last ones, in order.
        num_policies: of the whole recording.
        about: host and versions, as the recording has them; empty in older ones.
        lost_records: that a full disk cost.
        resumed: how often the run was gone on with, as far as the recording goes.
        refused: snapshots of another version or model.
        clock: takes steps of the wall clock out; all times here are by the clock of the end.
        complaints: what of the recording could not be read, a line each.
    """

    folder: Path
    course: Course = field(default_factory=Course)
    last: Snapshot | None = None
    sources: dict[str, SourceSnap] = field(default_factory=dict)
    book: KeptSources | None = None
    summary: dict[str, Any] | None = None
    config: str | None = None
    alarms: deque[AlarmNote] = field(default_factory=lambda: deque(maxlen=_MOST_ALARMS))
    num_alarms: int = 0
    policies: deque[PolicyNote] = field(default_factory=lambda: deque(maxlen=_MOST_POLICIES))
    num_policies: int = 0
    about: Record = field(default_factory=dict)
    lost_records: int = 0
    resumed: int = 0
    refused: int = 0
    clock: SteadyTime = field(default_factory=SteadyTime)
    complaints: list[str] = field(default_factory=list)
    _num_classes: int | None = None

    def take(self, record: Record) -> None:
        """Take the next record."""
        match record["kind"]:
            case "snapshot":
                self._take_snapshot(to_snapshot(record))
            case "policy":
                self._take_policy(record)
            case "segment":
                self.about = record
            case "gap":
                self.lost_records += int(record["records"])

    def _take_snapshot(self, snapshot: Snapshot | None) -> None:
        if snapshot is None or not self._is_alike(snapshot):
            self.refused += 1
            return
        known = 0 if self.last is None else self.last.num_alarms
        if snapshot.num_alarms < known:
            known = 0  # a part of the run that was resumed counts anew
        if self.last is not None and snapshot.uptime_s < self.last.uptime_s:
            self.resumed += 1
        at_s = self.clock.of_snapshot(snapshot.time_s, snapshot.uptime_s + snapshot.slept_s)
        snapshot = msgspec.structs.replace(snapshot, time_s=at_s)
        new = min(snapshot.num_alarms - known, len(snapshot.alarms))
        self.num_alarms += snapshot.num_alarms - known
        for words in snapshot.alarms[len(snapshot.alarms) - new :]:
            self.alarms.append(AlarmNote(snapshot.time_s, words))
        self.course.add(snapshot)
        self.last = snapshot
        self.sources.update((source.name, source) for source in snapshot.sources)

    def _is_alike(self, snapshot: Snapshot) -> bool:
        """As many exits and classes as those before: figures over time are of one model."""
        if self.last is not None and snapshot.num_exits != self.last.num_exits:
            return False
        if snapshot.policy.coefficients:
            self._num_classes = self._num_classes or len(snapshot.policy.coefficients)
            return len(snapshot.policy.coefficients) == self._num_classes
        return True

    def _take_policy(self, record: Record) -> None:
        """Each segment begins with the policy in force, which is no news."""
        if not self.policies or self.policies[-1].version != record["version"]:
            at_s = self.clock.of_record(record["time_s"])
            self.policies.append(PolicyNote(at_s, record["version"], record["body"]))
            self.num_policies += 1

    def settle(self) -> None:
        """All is taken: what was timed by the clock of the beginning is timed by that of the end.

        Who sets a clock makes it right.
        """
        by_s = self.clock.stepped_s
        if not by_s:
            return
        for point in self.course.points:
            point.begin_s, point.end_s = point.begin_s + by_s, point.end_s + by_s
        for alarm in self.alarms:
            alarm.time_s += by_s
        for policy in self.policies:
            policy.time_s += by_s


def gather(
    run: RecordedRun, folder: Path, *, files: tuple[str, str], on_bytes: Callable[[int], object]
) -> Story:
    """Read all that a run has left.

    Args:
        run: Its recording.
        folder: Of the run.
        files: Names of the files with its figures and its configuration.
        on_bytes: Is told now and then how many bytes of the recording are read.

    Raises:
        ConfigError: The recording holds no snapshot.
    """
    story = Story(folder)
    for number, record in enumerate(run.records()):
        story.take(record)
        if number % _TELL_EVERY == 0:
            on_bytes(run.bytes_read)
    story.settle()
    if story.last is None:
        why = "; ".join(run.complaints) or "it ended before the first was taken"
        raise ConfigError(f"{folder}: expected snapshots of a run, found none: {why}")
    story.complaints = list(run.complaints)
    if story.refused:
        story.complaints.append(f"{story.refused} snapshots are of another version or model")
    summary, config = (folder / name for name in files)
    story.config = _text(config)
    try:
        story.summary = read_figures(summary)
    except ValueError as error:
        story.summary = {}
        story.complaints.append(str(error))
    try:
        story.book = read_sources(folder)
    except ConfigError as error:
        story.complaints.append(str(error))
    return story


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
