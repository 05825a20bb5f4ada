"""The same sources played again, and every answered region asked at every exit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty import difficulty_parts, paper_difficulty_of_parts
from dart_stream.model_info import ModelInfo
from pipeline.bench.subject import Subject
from pipeline.config import SourceConfig
from pipeline.errors import ConfigError
from pipeline.footage import FrameAgain, play_again
from pipeline.perturb import Perturbation
from pipeline.readers.base import Pixels
from pipeline.verify.run_files import Answers, Floats, Ints, RunFiles

BATCH: Final = 256
_SAME_DIFFICULTY: Final = 1e-3
"""Difficulty depends on pixels alone; this much is rounding, of the six digits of a result too."""
_SAME_TIME_S: Final = 1e-3
_CLEAN: Final = "clean"


@dataclass(frozen=True, slots=True, eq=False)
class Again:
    """What the model says now, a row for each of the run's answers.

    Attributes:
        full_label_id: the full network's answer.
        given_probability: of the answer that the run gave, at the exit that gave it.
        deep_probability: of the answer that the run recorded as the full network's, at full depth;
            NaN where it recorded none.
        deep_behind: by how much that is behind the full network's answer now; 0 where both are the
            same, NaN where none was recorded.
        ordinal: number of the region among all of its source.
        phase: name of the scripted phase that it fell into; empty without a script.
    """

    full_label_id: Ints
    given_probability: Floats
    deep_probability: Floats
    deep_behind: Floats
    ordinal: Ints
    phase: NDArray[np.object_]


def ask_again(run: RunFiles, subject: Subject, on_done: Callable[[int], None]) -> Again:
    """Play the sources of a run and ask the model about every region that it answered.

    Args:
        run: what was answered.
        subject: its model.
        on_done: told how many regions are done.

    Raises:
        ConfigError: a source is live, or does not hold what the run saw.
        SourceError: a source cannot be read.
    """
    n = len(run.answers)
    again = Again(
        full_label_id=np.full(n, -1),
        given_probability=np.full(n, np.nan),
        deep_probability=np.full(n, np.nan),
        deep_behind=np.full(n, np.nan),
        ordinal=np.full(n, -1),
        phase=np.full(n, "", object),
    )
    _require_labels(run.answers, subject.info)
    reads_paper = run.config.policy.mode == "paper" or subject.tables is None
    done = 0
    for number, (name, source) in enumerate(run.config.sources.items()):
        regions = _SourceAgain(name, source, run, number)
        for rows, crops in _batches(regions.frames(subject.info)):
            _check_pixels(name, run.answers, rows, _difficulty(subject, crops, paper=reads_paper))
            _write_answers(again, run.answers, rows, subject.engine.all_exits(crops))
            done += len(rows)
            on_done(done)
        regions.write_places(again)
    return again


class _SourceAgain:
    """Finds the rows of a source's regions while it plays."""

    def __init__(self, name: str, config: SourceConfig, run: RunFiles, number: int) -> None:
        self._name, self._config, self._seed = name, config, run.config.seed
        self._answers = run.answers
        rows = np.flatnonzero(run.answers.source == number)
        order = np.lexsort((run.answers.region[rows], run.answers.frame[rows]))
        self._rows = rows[order]
        self._frames = run.answers.frame[self._rows]
        self._ordinals: dict[int, int] = {}

    def frames(self, info: ModelInfo) -> Iterator[tuple[Ints, Pixels]]:
        """Yield the rows and crops of each frame that has answers."""
        if not len(self._rows):
            return
        wanted = frozenset(self._frames.tolist())
        found = 0
        for frame in play_again(self._name, self._config, info, self._seed, wanted):
            rows = self._rows[slice(*np.searchsorted(self._frames, [frame.frame, frame.frame + 1]))]
            self._check(frame, rows)
            found += len(rows)
            self._ordinals[frame.frame] = frame.first_region
            yield rows, frame.crops[self._answers.region[rows]]
        if found < len(self._rows):
            missing = min(wanted - self._ordinals.keys())
            raise self._changed(missing, "is not in it any more")

    def write_places(self, again: Again) -> None:
        """Say where among the source's regions each row stands, and in which phase."""
        if not len(self._rows):
            return
        first = np.array([self._ordinals[frame] for frame in self._frames.tolist()])
        again.ordinal[self._rows] = ordinal = first + self._answers.region[self._rows]
        if self._config.perturb is not None:
            shift = Perturbation.parse(self._config.perturb)
            again.phase[self._rows] = [shift.phase(number) for number in ordinal.tolist()]

    def _check(self, frame: FrameAgain, rows: Ints) -> None:
        recorded = self._answers.region[rows].max()
        if recorded >= len(frame.crops):
            what = f"has {len(frame.crops)} regions now, had {recorded + 1} or more"
            raise self._changed(frame.frame, what)
        recorded_s = self._answers.pts_s[rows[0]]
        if abs(recorded_s - frame.pts_s) > _SAME_TIME_S:
            what = f"comes at {frame.pts_s:.3f} s now, came at {recorded_s:.3f} s"
            raise self._changed(frame.frame, what)

    def _changed(self, frame: int, what: str) -> ConfigError:
        return changed(self._name, frame, what)


def changed(source: str, frame: int, what: str) -> ConfigError:
    """Refuse footage that is not what the run saw."""
    return ConfigError(
        f"sources.{source}: expected the footage that the run saw, but frame {frame} {what}; "
        "verify with the same file, from the folder where the run was started"
    )


def _batches(frames: Iterator[tuple[Ints, Pixels]]) -> Iterator[tuple[Ints, Pixels]]:
    rows: list[Ints] = []
    crops: list[Pixels] = []
    for of_frame, pixels in frames:
        rows.append(of_frame)
        crops.append(pixels)
        if sum(map(len, rows)) >= BATCH:
            yield np.concatenate(rows), np.concatenate(crops)
            rows, crops = [], []
    if rows:
        yield np.concatenate(rows), np.concatenate(crops)


def _difficulty(subject: Subject, crops: Pixels, *, paper: bool) -> NDArray[np.float32]:
    parts = difficulty_parts(crops)
    tables = subject.tables
    return (
        paper_difficulty_of_parts(parts) if paper or tables is None else tables.score_parts(parts)
    )


def _check_pixels(name: str, answers: Answers, rows: Ints, difficulty: NDArray[np.float32]) -> None:
    """Refuse other pixels: difficulty is their fingerprint, and needs no network."""
    recorded = answers.difficulty[rows]
    other = np.flatnonzero(np.abs(recorded - difficulty) > _SAME_DIFFICULTY)
    if len(other):
        first = other[0]
        what = f"looks different now: difficulty {difficulty[first]:.4f}, was {recorded[first]:.4f}"
        raise changed(name, int(answers.frame[rows[first]]), what)


def _require_labels(answers: Answers, info: ModelInfo) -> None:
    most = int(max(answers.label_id.max(), answers.audit_label_id.max()))
    deepest = int(answers.exit.max())
    if most >= len(info.classes) or deepest >= info.num_exits:
        raise ConfigError(
            f"model.name: expected the model of the run, which knew class {most} and exit "
            f"{deepest}; {info.name!r} has {len(info.classes)} classes and {info.num_exits} exits"
        )


def _write_answers(
    again: Again, answers: Answers, rows: Ints, probabilities: NDArray[np.float32]
) -> None:
    """Take what is compared out of every exit's answer, (regions, exits, classes)."""
    each, full = np.arange(len(rows)), probabilities[:, -1]
    again.full_label_id[rows] = full.argmax(axis=1)
    given = probabilities[each, answers.exit[rows], answers.label_id[rows]]
    again.given_probability[rows] = given
    label_id, _ = answers.at_full_depth(probabilities.shape[1] - 1)
    deep = np.flatnonzero(label_id[rows] >= 0)
    recorded = full[deep, label_id[rows[deep]]]
    again.deep_probability[rows[deep]] = recorded
    again.deep_behind[rows[deep]] = full[deep].max(axis=1) - recorded
