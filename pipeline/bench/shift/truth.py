"""The true rate of a policy in a segment, which is known because regions come from tables."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dart_stream.policies import Policy, replay
from pipeline.bench.shift.law import Law
from pipeline.bench.shift.look import Look, looks_of
from pipeline.bench.shift.played import Sample
from pipeline.bench.shift.segments import Segment
from pipeline.bench.shift.shelf import Shelf


class TrueRates:
    """Disagreement of policies under the law of each segment.

    Args:
        segments: of the stream.
        shelf: of tables.
        law: of pictures.
    """

    def __init__(self, segments: Sequence[Segment], shelf: Shelf, law: Law) -> None:
        self._shelf = shelf
        self._looks = [looks_of(segment) for segment in segments]
        self._segments = segments
        self._weights = [_row_weights(law, segment) for segment in segments]

    def rates(self, samples: Sequence[Sample]) -> list[float]:
        """Return the true rate at each sample; 0 where everything ran to full depth."""
        known: tuple[Policy | None, int, int, float] = (None, -1, -1, 0.0)
        found = []
        for sample in samples:
            index = self._index_of(sample.at)
            segment, stages = self._segments[index], self._looks[index]
            stage = (sample.at - segment.begin) * len(stages) // segment.count
            if sample.policy is None:
                found.append(0.0)
                continue
            if known[:3] != (sample.policy, index, stage):
                known = (sample.policy, index, stage, self._rate(sample.policy, index, stage))
            found.append(known[3])
        return found

    def _rate(self, policy: Policy, index: int, stage: int) -> float:
        looks, weights = self._looks[index][stage], self._weights[index]
        return float(np.mean([weights @ self._differs(policy, look) for look in looks]))

    def _differs(self, policy: Policy, look: Look) -> NDArray[np.bool_]:
        table = self._shelf.table(look)
        difficulty = table.difficulty
        if policy.difficulty_mode == "paper" and table.alpha is not None:
            difficulty = table.alpha
        exits = replay(policy, table.probabilities, difficulty)
        differs: NDArray[np.bool_] = ~table.agrees[np.arange(len(table)), exits]
        return differs

    def _index_of(self, region: int) -> int:
        return next(i for i, s in enumerate(self._segments) if region < s.end)


def _row_weights(law: Law, segment: Segment) -> NDArray[np.float64]:
    """Probability of each picture of the split in a segment; sum 1."""
    shares = law.class_shares(segment)
    weights = np.zeros(sum(len(rows) for rows in law.rows))
    for share, rows in zip(shares, law.rows, strict=True):
        weights[rows] = share / max(len(rows), 1)
    return weights
