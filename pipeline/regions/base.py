"""What a region is, and who finds them in a frame."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pipeline.readers.base import Frame


@dataclass(frozen=True, slots=True)
class FoundRegion:
    """A part of one frame that is to be classified."""

    box: tuple[float, float, float, float]
    """x_min, y_min, x_max, y_max in pixels of the upright frame."""
    name: str | None = None
    """Zone name, None for the whole frame."""
    track: int | None = None
    polygon: tuple[tuple[float, float], ...] | None = None
    """Outline in pixels when the region is not its box; outside is painted over."""


class RegionFinder(ABC):
    """Finds zero to many regions in each frame, in an order that repeats for the same frames."""

    @abstractmethod
    def find(self, frame: Frame) -> list[FoundRegion]:
        """Regions of this frame; an empty list is a frame with nothing to classify."""
