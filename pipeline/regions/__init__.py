"""Where in a frame to look: whole frame, zones, and what a user brings."""

from pipeline.regions.base import FoundRegion, RegionFinder

__all__ = ["FoundRegion", "RegionFinder"]
