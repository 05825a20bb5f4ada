"""Which pictures a segment shows: chance that is fixed before the model has seen any."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.errors import DataError
from pipeline.bench.shift.segments import Segment

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NAMED_SHARE: Final = (0.5, 0.65, 0.8, 0.9, 1.0)
"""Of the regions that are of the classes that `classmix` names, by severity."""
CONCENTRATION: Final = (1.0, 0.3, 0.1, 0.03, 0.01)
"""Of the Dirichlet distribution that `correlated` draws the classes of each stretch from, by
severity, times the class's share times the number of classes; 0.1 is usual for streams that
test-time adaptation is tested on (Gong et al., "NOTE", NeurIPS 2022)."""
STRETCH: Final = 100
"""Regions of `correlated` between two draws."""
REPEATS: Final = (5, 20, 50, 150, 500)
"""How often `still` shows the same scene, by severity."""


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """The pictures of a split by class.

    Attributes:
        rows: of each class, the places of its pictures in the split.
        natural: share of each class, sum 1.
        names: of the classes.
    """

    rows: tuple[Ints, ...]
    natural: Floats
    names: tuple[str, ...]

    @classmethod
    def of(cls, labels: Ints, names: tuple[str, ...]) -> "Law":
        """Sort pictures by their labels."""
        rows = tuple(np.flatnonzero(labels == index) for index in range(len(names)))
        counts = np.array([len(each) for each in rows], np.float64)
        return cls(rows, np.asarray(counts / counts.sum()), names)

    def class_shares(self, segment: Segment) -> Floats:
        """How often each class comes in a segment, in the long run; sum 1.

        Raises:
            DataError: a class is named that has no picture.
        """
        mix = segment.choice("classmix")
        if mix is None:
            return self.natural
        named = np.isin(self.names, mix.arguments)
        if (named & (self.natural == 0)).any():
            raise DataError(
                f"--schedule: expected pictures of every class in {segment.name!r}, "
                "the split has none of one of them; name others"
            )
        share = NAMED_SHARE[mix.severity - 1]
        wanted = named / named.sum()
        rest = np.where(named, 0.0, self.natural)
        if rest.sum() == 0:
            return np.asarray(wanted)
        return np.asarray(share * wanted + (1 - share) * rest / rest.sum(), np.float64)

    def draw(self, segment: Segment, generator: np.random.Generator) -> Ints:
        """Draw the pictures of a segment, with replacement: places in the split, (count,)."""
        still = segment.choice("still")
        if still is None:
            return self._scenes(segment, segment.count, generator)
        repeats = REPEATS[still.severity - 1]
        scenes = self._scenes(segment, -(-segment.count // repeats), generator)
        return scenes.repeat(repeats)[: segment.count]

    def _scenes(self, segment: Segment, count: int, generator: np.random.Generator) -> Ints:
        shares = self.class_shares(segment)
        correlated = segment.choice("correlated")
        if correlated is None:
            classes = generator.choice(len(shares), count, p=shares)
        else:
            level = CONCENTRATION[correlated.severity - 1] * len(shares)
            classes = _in_stretches(level * shares, count, generator)
        place = generator.random(count)
        drawn = np.empty(count, np.int64)
        for index, rows in enumerate(self.rows):
            chosen = classes == index
            drawn[chosen] = rows[(place[chosen] * len(rows)).astype(np.int64)]
        return drawn


def _in_stretches(concentration: Floats, count: int, generator: np.random.Generator) -> Ints:
    """Draw a class for each region, with other shares in each stretch."""
    present = np.flatnonzero(concentration)
    stretches = -(-count // STRETCH)
    shares = generator.dirichlet(concentration[present], stretches)
    drawn = [present[generator.choice(len(present), STRETCH, p=each)] for each in shares]
    return np.concatenate(drawn)[:count]
