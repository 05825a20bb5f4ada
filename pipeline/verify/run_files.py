"""What a run left behind, as far as checking it needs: configuration, sources, figures, answers."""

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.config import JsonlSinkConfig, PipelineConfig
from pipeline.config_file import load_config
from pipeline.errors import ConfigError
from pipeline.file_series import FileSeries
from pipeline.footage import MAX_FRAMES
from pipeline.results import EndRecord, RegionRecord
from pipeline.run_summary import RunSummary
from pipeline.sinks.result_lines import is_head, whole_lines
from pipeline.sinks.result_parts import read_held
from pipeline.supervisor.recording import RESOLVED, SUMMARY
from pipeline.supervisor.run_sessions import RunSessions, read_sessions

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_MAX_REGION: Final = 1 << 16
_MAX_SOURCES: Final = 1 << 11


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Lines of `results.jsonl` in the file's order, one row a region, (n,) each.

    Attributes:
        source: number of the source among `RunFiles.names`.
        frame: number in the source; those of a later session go on behind those before.
        region: number in the frame.
        pts_s: of the frame.
        label_id: the answer given.
        confidence: its calibrated probability.
        exit: where it was given.
        difficulty: of the region.
        macs: spent.
        policy_version: that decided.
        audit_label_id: the full network's answer in an audit, else -1.
        audit_confidence: its probability, else NaN.
        late: 1 where a deadline cut it short, so that no policy decided it, else 0.
    """

    source: Ints
    frame: Ints
    region: Ints
    pts_s: Floats
    label_id: Ints
    confidence: Floats
    exit: Ints
    difficulty: Floats
    macs: Ints
    policy_version: Ints
    audit_label_id: Ints
    audit_confidence: Floats
    late: Ints

    def __len__(self) -> int:
        return len(self.source)

    @property
    def keys(self) -> Ints:
        """One number a row that no other region has."""
        return keys_of(self.source, self.frame, self.region)

    def only(self, rows: NDArray[np.bool_]) -> "Answers":
        """Some of them."""
        return Answers(**{name: getattr(self, name)[rows] for name in _COLUMNS})

    def at_full_depth(self, last_exit: int) -> tuple[Ints, Floats]:
        """What the run says that the full network answers, and how surely; -1 and NaN if nothing.

        It says so of audits and of answers that were given at the last exit.
        """
        reached = self.exit == last_exit
        audited = self.audit_label_id >= 0
        label_id = np.where(audited, self.audit_label_id, np.where(reached, self.label_id, -1))
        sure = np.where(reached, self.confidence, np.nan)
        return label_id, np.where(audited, self.audit_confidence, sure)


def keys_of(source: Ints, frame: Ints, region: Ints) -> Ints:
    """Name each region by one number; numbers rise with source, then frame, then region."""
    return (source * MAX_FRAMES + frame) * _MAX_REGION + region


def key_of(source: int, frame: int, region: int) -> int:
    """`keys_of` for one region; -1 for one that no answer can be of."""
    if source >= _MAX_SOURCES or frame >= MAX_FRAMES or region >= _MAX_REGION:
        return -1
    return (source * MAX_FRAMES + frame) * _MAX_REGION + region


@dataclass(frozen=True, slots=True, eq=False)
class RunFiles:
    """A finished run.

    Attributes:
        folder: where it lies.
        config: that it began with.
        sessions: of its sources, as far as they are known.
        names: of all sources that it has answers of, or had at the start.
        summary: None where the run was killed before it wrote one.
        answers: that it gave, in the order of the results.
        removed: how many of each source went with the oldest parts of the results.
    """

    folder: Path
    config: PipelineConfig
    sessions: RunSessions
    names: list[str]
    summary: RunSummary | None
    answers: Answers
    removed: dict[str, int]


def read_run(folder: Path) -> RunFiles:
    """Read a run.

    Raises:
        ConfigError: a file is missing, damaged, or of another version.
    """
    resolved = folder / RESOLVED
    if not resolved.is_file():
        raise ConfigError(f"{folder}: expected the folder of a run, it holds no {RESOLVED}")
    config = load_config(resolved, with_overrides=False).config
    written = next((sink for sink in config.sinks if isinstance(sink, JsonlSinkConfig)), None)
    if written is None:
        raise ConfigError(f"{resolved}: expected a sink of type jsonl, whose answers are checked")
    sessions = read_sessions(folder, config.sources)
    names = [*config.sources, *(name for name in sessions.names if name not in config.sources)]
    rows = _Rows(names, may_grow=sessions.is_changed)
    _read_lines(folder / written.file, rows)
    answers = rows.answers()
    if len(np.unique(answers.keys)) < len(answers):
        raise ConfigError(
            f"{folder / written.file}: expected each region once, some stand there twice"
        )
    if not len(answers):
        raise ConfigError(f"{folder / written.file}: expected answers, found none")
    summary = _read_summary(folder / SUMMARY)
    ended = sessions.closed_by(rows.ends)
    return RunFiles(folder, config, ended, rows.names, summary, answers, rows.removed)


def _read_summary(path: Path) -> RunSummary | None:
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunSummary)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: expected a summary of this version: {error}") from error


def _read_lines(path: Path, rows: "_Rows") -> None:
    if not path.is_file():
        raise ConfigError(f"{path}: expected the answers of a run, found no such file")
    for part in FileSeries(path).paths():
        _read_part(part, rows)


def _read_part(path: Path, rows: "_Rows") -> None:
    rows.begin_part(read_held(path).results)
    decode = msgspec.json.Decoder(RegionRecord).decode
    with path.open("rb") as stream:
        for number, line in enumerate(whole_lines(stream, path), 1):
            if is_head(line):
                continue
            try:
                rows.add(decode(line))
            except (ValueError, KeyError, RecursionError, msgspec.DecodeError) as error:
                end = _end_of(line)
                if end is None:
                    raise ConfigError(
                        f"{path}, line {number}: expected an answer of this version and one of "
                        f"the run's sources, got {line[:40]!r} ({error})"
                    ) from error
                rows.add_end(end)


def _end_of(line: bytes) -> EndRecord | None:
    try:
        return msgspec.json.decode(line, type=EndRecord)
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None


class _Rows:
    """Grows columns: a long run has millions of lines.

    Args:
        names: Of the known sources.
        may_grow: There may be others: of those that were gone long ago nothing else is kept.
    """

    def __init__(self, names: list[str], *, may_grow: bool) -> None:
        self.names = list(names)
        self.ends: dict[tuple[str, int], int] = {}
        """Numbers that ends have taken, by name and number of the session."""
        self.removed: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._may_grow = may_grow
        self._numbers = {name: number for number, name in enumerate(names)}
        self._whole = {name: array("q") for name, kind in _COLUMNS.items() if kind == "q"}
        self._real = {name: array("d") for name, kind in _COLUMNS.items() if kind == "d"}

    def begin_part(self, held: Mapping[str, int]) -> None:
        """Parts before the next one held so many results of each source."""
        lacking = {name: n - self._counts[name] for name, n in held.items()}
        self.removed = {name: n for name, n in lacking.items() if n > 0}

    def add_end(self, record: EndRecord) -> None:
        if record.end_frame is not None:
            self.ends[record.source, record.session] = record.end_frame

    def add(self, record: RegionRecord) -> None:
        if record.frame >= MAX_FRAMES or record.region >= _MAX_REGION:
            raise ValueError(f"frame {record.frame} or region {record.region} is none")
        if self._may_grow and record.source not in self._numbers:
            self._numbers[record.source] = len(self.names)
            self.names.append(record.source)
        if self._numbers[record.source] >= _MAX_SOURCES:
            raise ValueError(f"expected at most {_MAX_SOURCES} sources")
        self._counts[record.source] += 1
        full, whole, real = record.full_depth, self._whole, self._real
        whole["source"].append(self._numbers[record.source])
        whole["frame"].append(record.frame)
        whole["region"].append(record.region)
        real["pts_s"].append(record.pts_s)
        whole["label_id"].append(record.label_id)
        real["confidence"].append(record.confidence)
        whole["exit"].append(record.exit)
        real["difficulty"].append(record.difficulty)
        whole["macs"].append(record.macs)
        whole["policy_version"].append(record.policy_version)
        whole["audit_label_id"].append(-1 if full is None else full.label_id)
        real["audit_confidence"].append(float("nan") if full is None else full.confidence)
        whole["late"].append(record.late)

    def answers(self) -> Answers:
        columns: dict[str, Any] = {
            name: np.array(column, np.int64) for name, column in self._whole.items()
        }
        columns |= {name: np.array(column, np.float64) for name, column in self._real.items()}
        return Answers(**columns)


_COLUMNS: Final = {
    field: "d" if field in {"pts_s", "confidence", "difficulty", "audit_confidence"} else "q"
    for field in Answers.__dataclass_fields__
}
