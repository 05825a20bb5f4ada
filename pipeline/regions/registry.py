"""Which region finder a configuration asks for."""

from pipeline.config import FrameRegions, RegionsConfig, ZoneRegions
from pipeline.errors import ConfigError
from pipeline.import_path import import_class
from pipeline.regions.base import RegionFinder
from pipeline.regions.frame import WholeFrame
from pipeline.regions.zones import Zones


def build_region_finder(config: RegionsConfig) -> RegionFinder:
    """Build what `regions` of a source names.

    Raises:
        ConfigError: A zone is no area inside the frame, or a class of one's own does not fit.
    """
    if isinstance(config, FrameRegions):
        return WholeFrame()
    if isinstance(config, ZoneRegions):
        return Zones(config.zones)
    cls = import_class(config.cls, RegionFinder, key="regions.class")
    try:
        finder: RegionFinder = cls(**config.options)
    except TypeError as error:
        raise ConfigError(f"regions.options: {config.cls} does not take these: {error}") from error
    return finder
