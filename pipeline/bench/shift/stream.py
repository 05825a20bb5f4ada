"""A stream: which picture comes when, and what every exit says to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from pipeline.bench.shift.law import Ints, Law
from pipeline.bench.shift.look import Look, looks_of
from pipeline.bench.shift.segments import Segment
from pipeline.bench.shift.shelf import Shelf

_COIN_STEP = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Script:
    """Which picture comes when, before any is looked at.

    Attributes:
        seed: of all of its chance.
        segments: in turn.
        looks: that occur.
        look: of each of the N regions, an index into `looks`.
        row: of each region, its picture's place in the split.
    """

    seed: int
    segments: tuple[Segment, ...]
    looks: tuple[Look, ...]
    look: Ints
    row: Ints

    @classmethod
    def draw(cls, segments: Sequence[Segment], law: Law, seed: int) -> "Script":
        """Draw a stream; the same seed gives the same."""
        looks: dict[Look, int] = {}
        chosen, rows = [], []
        for index, segment in enumerate(segments):
            generator = np.random.default_rng((seed, index))
            by_stage = looks_of(segment)
            known = np.array(
                [[looks.setdefault(each, len(looks)) for each in row] for row in by_stage]
            )
            stage = np.arange(segment.count) * len(known) // segment.count
            rows.append(law.draw(segment, generator))
            chosen.append(known[stage, generator.integers(0, known.shape[1], segment.count)])
        return cls(
            seed, tuple(segments), tuple(looks), np.concatenate(chosen), np.concatenate(rows)
        )

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def coins(self) -> NDArray[np.float64]:
        """One number in [0, 1) a region: a hash of seed and region number, so of no output.

        Reference: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
        """
        with np.errstate(over="ignore"):
            x = (np.arange(len(self), dtype=np.uint64) + np.uint64(self.seed << 32)) * _COIN_STEP
            for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
                x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
            x ^= x >> np.uint64(31)
        return np.asarray((x >> np.uint64(11)).astype(np.float64) / 2**53)


@dataclass(frozen=True, eq=False)
class Stream:
    """A script with every exit's answers to its N regions.

    Attributes:
        script: which picture comes when.
        probabilities: calibrated, float32 (N, exits, classes).
        confidence: of each exit's answer, float32 (N, exits).
        answers: of each exit, (N, exits).
        difficulty: of mode `dart`, float32 (N,).
        alpha: of mode `paper`, float32 (N,).
        parts: float32 (N, 3).
        labels: true classes, (N,).
    """

    script: Script
    probabilities: NDArray[np.float32]
    confidence: NDArray[np.float32]
    answers: Ints
    difficulty: NDArray[np.float32]
    alpha: NDArray[np.float32]
    parts: NDArray[np.float32]
    labels: Ints

    @classmethod
    def of(cls, script: Script, shelf: Shelf, labels: Ints) -> "Stream":
        """Look every region up in its table.

        Args:
            script: of N regions.
            shelf: of tables.
            labels: of the split's pictures.

        Raises:
            DataError: a table has no pixel features.
        """
        tables = [shelf.table(look) for look in script.looks]
        first, n = tables[0], len(script)
        shape = (n, first.num_exits, len(first.classes))
        stream = cls(
            script=script,
            probabilities=np.empty(shape, np.float32),
            confidence=np.empty(shape[:2], np.float32),
            answers=np.empty(shape[:2], np.int64),
            difficulty=np.empty(n, np.float32),
            alpha=np.empty(n, np.float32),
            parts=np.empty((n, 3), np.float32),
            labels=labels[script.row],
        )
        for index, table in enumerate(tables):
            stream._fill(np.flatnonzero(script.look == index), table)
        return stream

    def _fill(self, places: Ints, table: ExitTable) -> None:
        if table.parts is None or table.alpha is None:
            raise DataError(f"exit table of {table.source}: expected alpha and parts, it has none")
        rows = self.script.row[places]
        self.probabilities[places] = table.probabilities[rows]
        self.confidence[places] = table.confidence[rows]
        self.answers[places] = table.answers[rows]
        self.difficulty[places] = table.difficulty[rows]
        self.alpha[places] = table.alpha[rows]
        self.parts[places] = table.parts[rows]
