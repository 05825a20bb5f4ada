"""The whole frame as one region."""

from pipeline.readers.base import Frame
from pipeline.regions.base import FoundRegion, RegionFinder


class WholeFrame(RegionFinder):
    """One region a frame: all of it."""

    def find(self, frame: Frame) -> list[FoundRegion]:
        """The one region."""
        return [FoundRegion(box=(0.0, 0.0, float(frame.width), float(frame.height)))]
