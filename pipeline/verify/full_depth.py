"""The same sources played again, and every answered region asked at every exit."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty import difficulty_parts, paper_difficulty_of_parts
from dart_stream.model_info import ModelInfo
from pipeline.bench.subject import Subject
from pipeline.errors import ConfigError, UserError
from pipeline.footage import PlayedSession
from pipeline.one_line import one_line
from pipeline.readers.base import Pixels
from pipeline.supervisor.source_book import PAST_KEPT, SOURCES
from pipeline.verify.document import LeftOut
from pipeline.verify.run_files import Answers, Floats, Ints, RunFiles
from pipeline.verify.session_again import SessionAgain, batches, changed

_SAME_DIFFICULTY: Final = 1e-3
"""Difficulty depends on pixels alone; this much is rounding, of the six digits of a result too."""


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
        session: of its source, that the region belongs to.
        ordinal: number of the region among all of that session.
        phase: name of the scripted phase that it fell into; empty without a script.
    """

    full_label_id: Ints
    given_probability: Floats
    deep_probability: Floats
    deep_behind: Floats
    session: Ints
    ordinal: Ints
    phase: NDArray[np.object_]

    def only(self, rows: NDArray[np.bool_]) -> "Again":
        """Of some of the answers."""
        fields = dataclasses.fields(self)
        return Again(**{field.name: getattr(self, field.name)[rows] for field in fields})


@dataclass(frozen=True, slots=True, eq=False)
class AskedAgain:
    """What could be asked again, and what not.

    Attributes:
        again: a row for each of the run's answers.
        checked: which of these rows are filled in.
        left_out: of the others, a line a session.
    """

    again: Again
    checked: NDArray[np.bool_]
    left_out: list[LeftOut]


def ask_again(run: RunFiles, subject: Subject, on_done: Callable[[int], None]) -> AskedAgain:
    """Play the sources of a run and ask the model about every region that it answered.

    Args:
        run: what was answered.
        subject: its model.
        on_done: told how many regions are done.

    Raises:
        ConfigError: no source can be played again, or none holds what the run saw; or the model is
            another one.
        SourceError: no source can be read.
    """
    _require_labels(run.answers, subject.info)
    asking = _Asking(run, subject, on_done)
    refused: list[UserError] = []
    for session in run.sessions.all:
        try:
            asking.ask(session)
        except UserError as error:
            refused.append(error)
            asking.leave_out(session, str(error))
    asking.leave_out_unknown()
    if not asking.checked.any():
        raise refused[0] if refused else ConfigError(asking.left_out[0].why)
    return AskedAgain(asking.again, asking.checked, asking.left_out)


class _Asking:
    """Fills in a row for each answer, session by session."""

    def __init__(self, run: RunFiles, subject: Subject, on_done: Callable[[int], None]) -> None:
        n = len(run.answers)
        self.again = Again(
            full_label_id=np.full(n, -1),
            given_probability=np.full(n, np.nan),
            deep_probability=np.full(n, np.nan),
            deep_behind=np.full(n, np.nan),
            session=np.full(n, -1),
            ordinal=np.full(n, -1),
            phase=np.full(n, "", object),
        )
        self.checked = np.zeros(n, np.bool_)
        self.left_out: list[LeftOut] = []
        self._run, self._subject, self._on_done = run, subject, on_done
        self._numbers = {name: number for number, name in enumerate(run.names)}
        self._reads_paper = run.config.policy.mode == "paper" or subject.tables is None
        self._met = np.zeros(n, np.bool_)
        """Of a session that is known."""

    def ask(self, session: PlayedSession) -> None:
        """About all regions of a session."""
        rows = self._rows_of(session)
        self._met[rows] = True
        answers, subject = self._run.answers, self._subject
        regions = SessionAgain(session, answers, rows, self._run.config.seed)
        done = int(self.checked.sum())
        for part, crops in batches(regions.frames(subject.info)):
            difficulty = _difficulty(subject, crops, paper=self._reads_paper)
            _check_pixels(session.name, answers, part, difficulty)
            _write_answers(self.again, answers, part, subject.engine.all_exits(crops))
            done += len(part)
            self._on_done(done)
        found, ordinal, phase = regions.places()
        self.again.session[found] = session.session.number
        self.again.ordinal[found], self.again.phase[found] = ordinal, phase
        self.checked[rows] = True

    def leave_out(self, session: PlayedSession, why: str) -> None:
        """It cannot be played again."""
        n = len(self._rows_of(session))
        self.left_out.append(
            LeftOut(source=session.name, session=session.session.number, n=n, why=one_line(why))
        )

    def leave_out_unknown(self) -> None:
        """Answers of sessions that nothing is known of."""
        counts = np.bincount(self._run.answers.source[~self._met], minlength=len(self._run.names))
        for name, n in zip(self._run.names, counts.tolist(), strict=True):
            if n:
                why = (
                    f"{SOURCES} does not say what was read then: it lists the last {PAST_KEPT:,} "
                    "sessions that are over"
                )
                self.left_out.append(LeftOut(source=name, session=None, n=n, why=why))

    def _rows_of(self, session: PlayedSession) -> Ints:
        answers, frames = self._run.answers, session.frames
        inside = (answers.frame >= frames.start) & (answers.frame < frames.stop)
        return np.flatnonzero(inside & (answers.source == self._numbers[session.name]))


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
