"""What a run left behind, as far as checking it needs: configuration, figures, and answers."""

from array import array
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
from pipeline.results import EndRecord, RegionRecord
from pipeline.run_summary import RunSummary
from pipeline.sinks.jsonl import whole_lines
from pipeline.supervisor.recording import RESOLVED, SUMMARY
from pipeline.supervisor.source_book import SOURCES, read_sources

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_MAX_REGION: Final = 1 << 16
_MAX_FRAME: Final = 1 << 36
"""At 60 frames a second some 36 years."""
_MAX_SOURCES: Final = 1 << 11


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Lines of `results.jsonl` in the file's order, one row a region, (n,) each.

    Attributes:
        source: number of the source in the configuration.
        frame: number in the source.
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
    return (source * _MAX_FRAME + frame) * _MAX_REGION + region


def key_of(source: int, frame: int, region: int) -> int:
    """`keys_of` for one region; -1 for one that no answer can be of."""
    if source >= _MAX_SOURCES or frame >= _MAX_FRAME or region >= _MAX_REGION:
        return -1
    return (source * _MAX_FRAME + frame) * _MAX_REGION + region


@dataclass(frozen=True, slots=True, eq=False)
class RunFiles:
    """A finished run.

    Attributes:
        folder: where it lies.
        config: that it ran with.
        summary: None where the run was killed before it wrote one.
        answers: that it gave.
    """

    folder: Path
    config: PipelineConfig
    summary: RunSummary | None
    answers: Answers


def read_run(folder: Path) -> RunFiles:
    """Read a run.

    Raises:
        ConfigError: a file is missing, damaged, or of another version.
    """
    resolved = folder / RESOLVED
    if not resolved.is_file():
        raise ConfigError(f"{folder}: expected the folder of a run, it holds no {RESOLVED}")
    config = load_config(resolved, with_overrides=False).config
    if read_sources(folder) is not None:
        raise ConfigError(
            f"{folder / SOURCES}: expected a run that kept the sources of its start, got one whose "
            "sources were changed; only the former can be played again as a whole"
        )
    written = next((sink for sink in config.sinks if isinstance(sink, JsonlSinkConfig)), None)
    if written is None:
        raise ConfigError(f"{resolved}: expected a sink of type jsonl, whose answers are checked")
    if len(config.sources) > _MAX_SOURCES:
        raise ConfigError(
            f"{resolved}: expected at most {_MAX_SOURCES} sources, got {len(config.sources)}"
        )
    numbers = {name: number for number, name in enumerate(config.sources)}
    answers = _read_answers(folder / written.file, numbers)
    if not len(answers):
        raise ConfigError(f"{folder / written.file}: expected answers, found none")
    return RunFiles(folder, config, _read_summary(folder / SUMMARY), answers)


def _read_summary(path: Path) -> RunSummary | None:
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunSummary)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: expected a summary of this version: {error}") from error


def _read_answers(path: Path, numbers: Mapping[str, int]) -> Answers:
    if not path.is_file():
        raise ConfigError(f"{path}: expected the answers of a run, found no such file")
    rows = _Rows(numbers)
    decode = msgspec.json.Decoder(RegionRecord).decode
    with path.open("rb") as stream:
        for number, line in enumerate(whole_lines(stream, path), 1):
            try:
                rows.add(decode(line))
            except (ValueError, KeyError, RecursionError, msgspec.DecodeError) as error:
                if not _is_end(line):
                    raise ConfigError(
                        f"{path}, line {number}: expected an answer of this version and one of "
                        f"the run's sources, got {line[:40]!r} ({error})"
                    ) from error
    answers = rows.answers()
    if len(np.unique(answers.keys)) < len(answers):
        raise ConfigError(f"{path}: expected each region once, some stand there twice")
    return answers


def _is_end(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=EndRecord)
    except (ValueError, RecursionError, msgspec.DecodeError):
        return False
    return True


class _Rows:
    """Grows columns: a long run has millions of lines."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = numbers
        self._whole = {name: array("q") for name, kind in _COLUMNS.items() if kind == "q"}
        self._real = {name: array("d") for name, kind in _COLUMNS.items() if kind == "d"}

    def add(self, record: RegionRecord) -> None:
        if record.frame >= _MAX_FRAME or record.region >= _MAX_REGION:
            raise ValueError(f"frame {record.frame} or region {record.region} is none")
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
