"""How pictures of a segment can look: each look is an exit table of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.bench.shift.segments import Segment
from pipeline.perturb import CropKey, Crops, Draw, apply_steps, region_generator
from pipeline.perturb.grammar import Steps
from pipeline.perturb.registry import PROGRESSIVE

STAGES: Final = 8
"""Into how many steps a progressing phase is cut: a table each."""
TWINS: Final = 4
"""Versions of a still scene that differ by the noise of a good sensor."""
_TWIN_SIGMA: Final = 1.5
"""Of that noise, of a range of 255."""
_SOURCE: Final = "stream"
_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class Look:
    """What is done to pixels.

    Attributes:
        steps: effects with severities; none is clean.
        stage: of a progressing phase, from 1 to STAGES; 0 where nothing progresses.
        twin: number of the version of a still scene, from 1; 0 where nothing stands still.
    """

    steps: Steps
    stage: int = 0
    twin: int = 0

    @property
    def name(self) -> str:
        """For a person, and for the name of a file."""
        effects = "+".join(f"{name}@{severity}" for name, severity in self.steps) or "clean"
        stage = f"-{self.stage}of{STAGES}" if self.stage else ""
        return effects + stage + (f"-twin{self.twin}" if self.twin else "")

    def applied(self, pictures: Crops, seed: int) -> Crops:
        """Give the pictures this look, each with chance of its own.

        Args:
            pictures: uint8 (n, height, width, 3); never written to.
            seed: of all chance.
        """
        keys = [CropKey(seed, _SOURCE, number) for number in range(len(pictures))]
        return np.concatenate(
            [
                self.applied_to(pictures[at : at + _CHUNK], keys[at : at + _CHUNK])
                for at in range(0, len(pictures), _CHUNK)
            ]
        )

    def applied_to(self, pictures: Crops, keys: Sequence[CropKey]) -> Crops:
        """Give some pictures this look, each with the chance of its key."""
        if not self.steps and not self.twin:
            return pictures
        # Each twin is region number `twin` of its frame, so that its chance is its own.
        generators = [region_generator(key, self.twin) for key in keys]
        # The middle of a stage stands for all of it.
        progress = (self.stage - 0.5) / STAGES if self.stage else 1.0
        seen = apply_steps(
            pictures, self.steps, Draw(generators, np.full(len(pictures), progress, np.float32))
        )
        if not self.twin:
            return seen
        noise = np.stack([g.standard_normal(seen.shape[1:]) for g in generators])
        return np.rint(seen + _TWIN_SIGMA * noise).clip(0, 255).astype(np.uint8)


def looks_of(segment: Segment) -> tuple[tuple[Look, ...], ...]:
    """How a segment's pictures look: one row a stage in turn, in it the looks that are mixed."""
    steps = [effect for each in segment.phase.alternatives for effect, _ in each]
    stages = range(1, STAGES + 1) if PROGRESSIVE & set(steps) else (0,)
    twins = range(1, TWINS + 1) if segment.choice("still") else (0,)
    return tuple(
        tuple(Look(each, stage, twin) for each in segment.phase.alternatives for twin in twins)
        for stage in stages
    )
