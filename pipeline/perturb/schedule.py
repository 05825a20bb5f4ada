"""A schedule at work: what becomes of the crops of a source, frame by frame."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from pipeline.errors import ConfigError
from pipeline.perturb.apply import apply_steps
from pipeline.perturb.effect import Crops, Draw
from pipeline.perturb.grammar import Phase, Steps, parse_schedule
from pipeline.perturb.keys import CropKey, region_generator


class Perturbation:
    """A schedule of phases that change pixels.

    Args:
        phases: In turn; the last stays for ever.
    """

    def __init__(self, phases: Sequence[Phase]) -> None:
        self.phases = tuple(phases)
        counts = [0 if phase.count is None else phase.count for phase in phases]
        self._starts = [0, *accumulate(counts[:-1])]

    @classmethod
    def parse(cls, text: str) -> "Perturbation":
        """Read a schedule.

        Raises:
            ConfigError: An effect is unknown, a severity or count out of range, or a phase chooses
                pictures, which come as they come here.
        """
        phases = parse_schedule(text)
        for phase in phases:
            if phase.choices:
                raise ConfigError(
                    f"perturb: expected effects on pixels, got {phase.name!r}: which pictures come "
                    f"is up to the source; {phase.choices[0].name} works in `bench shift` only"
                )
        return cls(phases)

    def phase(self, region_number: int) -> str:
        """Name of the phase that holds the source's region of this number, from 0."""
        return self.phases[self._index_of(region_number)].name

    def apply(self, crops: Crops, first_region_number: int, key: CropKey) -> Crops:
        """Perturb the crops of one frame; they are copied, never written to.

        Args:
            crops: uint8, (regions, height, width, 3).
            first_region_number: Of the first crop among all regions of the source, from 0.
            key: Of the frame.
        """
        numbers = range(first_region_number, first_region_number + len(crops))
        indices = [self._index_of(number) for number in numbers]
        if all(self.phases[index].is_clean for index in set(indices)):
            return crops
        generators = [region_generator(key, region) for region in range(len(crops))]
        rows_of: dict[Steps, list[int]] = defaultdict(list)
        for row, index in enumerate(indices):
            rows_of[_drawn(self.phases[index], generators[row])].append(row)
        progress = np.array(list(map(self._progress, indices, numbers)), np.float32)
        perturbed = crops.copy()
        for steps, rows in rows_of.items():
            if steps:
                draw = Draw([generators[row] for row in rows], progress[rows])
                perturbed[rows] = apply_steps(crops[rows], steps, draw)
        return perturbed

    def _index_of(self, region_number: int) -> int:
        return bisect_right(self._starts, region_number) - 1

    def _progress(self, index: int, region_number: int) -> float:
        """How far a region is through its phase, in (0, 1]; 1 where that has no length."""
        count = self.phases[index].count
        if count is None:
            return 1.0
        return min(1.0, (region_number - self._starts[index] + 1) / count)


def _drawn(phase: Phase, generator: np.random.Generator) -> Steps:
    """The effects of one region; chance is used only where there is a choice."""
    if len(phase.alternatives) == 1:
        return phase.alternatives[0]
    return phase.alternatives[int(generator.integers(len(phase.alternatives)))]
