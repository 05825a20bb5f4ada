"""Named parts of the frame, given once and the same in every frame."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.errors import ConfigError
from pipeline.readers.base import Frame
from pipeline.regions.base import FoundRegion, RegionFinder

Points = tuple[tuple[float, float], ...]


class Zones(RegionFinder):
    """Boxes and polygons in relative coordinates, in the order in which they are given.

    Args:
        zones: Name -> [x_min, y_min, x_max, y_max] or [[x, y], ...], each from 0 to 1.

    Raises:
        ConfigError: There is none, or one is no box or polygon with an area inside the frame.
    """

    def __init__(self, zones: Mapping[str, Sequence[Any]]) -> None:
        if not zones:
            raise ConfigError("zones: expected at least one zone, got none")
        self._outlines = {name: _outline(name, shape) for name, shape in zones.items()}
        self._polygons = {name for name, shape in zones.items() if _is_polygon(shape)}

    def find(self, frame: Frame) -> list[FoundRegion]:
        """One region a zone."""
        return [self._region(name, frame) for name in self._outlines]

    def _region(self, name: str, frame: Frame) -> FoundRegion:
        points = tuple((x * frame.width, y * frame.height) for x, y in self._outlines[name])
        xs, ys = zip(*points, strict=True)
        box = (min(xs), min(ys), max(xs), max(ys))
        return FoundRegion(box, name, polygon=points if name in self._polygons else None)


def _outline(name: str, shape: Sequence[Any]) -> Points:
    points = _polygon(name, shape) if _is_polygon(shape) else _box(name, shape)
    for value in (value for point in points for value in point):
        if not 0 <= value <= 1:  # NaN fails as well
            raise ConfigError(
                f"zones.{name}: expected coordinates from 0 to 1 (parts of width and height),"
                f" got {value:g}"
            )
    return points


def _is_polygon(shape: Sequence[Any]) -> bool:
    return len(shape) > 0 and all(isinstance(point, Sequence) for point in shape)


def _box(name: str, shape: Sequence[Any]) -> Points:
    if len(shape) != 4 or not all(isinstance(value, int | float) for value in shape):
        raise ConfigError(
            f"zones.{name}: expected [x_min, y_min, x_max, y_max] or [[x, y], ...], got"
            f" {list(shape)}"
        )
    x_min, y_min, x_max, y_max = (float(value) for value in shape)
    if not (x_min < x_max and y_min < y_max) and not any(map(math.isnan, shape)):
        raise ConfigError(
            f"zones.{name}: expected x_min < x_max and y_min < y_max, got {list(shape)}"
        )
    return ((x_min, y_min), (x_max, y_max))


def _polygon(name: str, shape: Sequence[Any]) -> Points:
    if len(shape) < 3 or any(len(point) != 2 for point in shape):
        raise ConfigError(
            f"zones.{name}: expected at least three points [x, y], got {[list(p) for p in shape]}"
        )
    points = tuple((float(x), float(y)) for x, y in shape)
    if _area(points) == 0.0:
        raise ConfigError(f"zones.{name}: expected a polygon with an area, its points are in line")
    return points


def _area(points: Points) -> float:
    """Shoelace formula, in parts of the frame; rounding noise counts as nothing."""
    x, y = np.asarray(points).T
    area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    return 0.0 if area < 1e-12 else area
