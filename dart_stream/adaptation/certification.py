"""Calibration pictures that chose nothing, as evidence for a stream that is like them.

Half of the calibration pictures choose the ladder; the other half are the first audits of every
epoch in which the stream may be taken for exchangeable with them. A mix of classes other than
theirs is met by leaving pictures out at random (rejection sampling), which keeps the count honest
where weights would need another bound.
"""

from dataclasses import dataclass

import numpy as np

from dart_stream.adaptation.ladder import Floats, Ints, Ladder, asked_logits
from dart_stream.exit_table import ExitTable


@dataclass(frozen=True, slots=True, eq=False)
class Certification:
    """N pictures with all exits' answers.

    Attributes:
        confidence: (N, exits).
        labels: answers, (N, exits).
        difficulty: (N,).
    """

    confidence: Floats
    labels: Ints
    difficulty: Floats

    @classmethod
    def of(cls, table: ExitTable) -> "Certification":
        """Take what is needed from a table."""
        return cls(
            table.confidence.astype(np.float64),
            table.answers,
            table.difficulty.astype(np.float64),
        )

    def losses(self, ladder: Ladder, coefficients: Floats | None) -> Ints:
        """Whether each rung answers each picture unlike full depth, (N, R)."""
        asked = asked_logits(self.labels, self.difficulty, 0.0, coefficients)
        exits = ladder.exits(self.confidence, asked)
        answers = np.take_along_axis(self.labels, exits, axis=1)
        differs: Ints = (answers != self.labels[:, -1:]).astype(np.int64)
        return differs

    def rows(self, weights: Floats | None, seed: int) -> Ints:
        """Pictures whose classes are mixed in other proportions.

        Args:
            weights: per class (as full depth sees it) how much more often it occurs now; None
                takes every picture.
            seed: of the choice.
        """
        if weights is None:
            return np.arange(len(self.labels))
        keep = weights / weights.max()
        coins = np.random.default_rng(seed).random(len(self.labels))
        return np.flatnonzero(coins < keep[self.labels[:, -1]])
