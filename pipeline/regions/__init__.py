"""Where in a frame to look: whole frame, zones, and what a user brings."""

from pipeline.regions.base import FoundRegion, RegionFinder
from pipeline.regions.crop import Cropper
from pipeline.regions.registry import build_region_finder

__all__ = ["Cropper", "FoundRegion", "RegionFinder", "build_region_finder"]
