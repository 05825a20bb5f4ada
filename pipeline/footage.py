"""Crops of a source, one after another, without the pipeline."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from dart_stream.model_info import ModelInfo
from pipeline.config import SourceConfig
from pipeline.errors import ConfigError, SourceError
from pipeline.perturb import CropKey, Perturbation
from pipeline.readers.base import Pixels
from pipeline.readers.registry import open_reader
from pipeline.redact import redact
from pipeline.regions import build_region_finder
from pipeline.regions.crop import Cropper

MAX_CROPS: Final = 20_000
"""Of footage that is looked at: 60 MB of crops of 32x32, more than any choice here needs."""


def read_crops(
    config: SourceConfig, info: ModelInfo, limit: int, on_done: Callable[[int], None]
) -> Pixels:
    """The first crops of a source as the model sees them, uint8 [N, height, width, 3].

    Args:
        config: of the source.
        info: of the model.
        limit: at most this many crops.
        on_done: told now and then how many there are.

    Raises:
        SourceError: the source cannot be read, or has no regions.
    """
    reader = open_reader(config)
    reader.check()
    finder, cropper = build_region_finder(config.regions), Cropper(info.input_size, info.resize)
    found: list[Pixels] = []
    count = 0
    for frame in reader.frames():
        crops = cropper.crops(frame, finder.find(frame))
        found.append(crops)
        count += len(crops)
        on_done(count)
        if count >= limit:
            break
    if not count:
        raise SourceError(f"{config.uri}: expected frames with regions, found none")
    return np.concatenate(found)[:limit]


@dataclass(frozen=True, slots=True)
class FrameAgain:
    """A frame that a run has answered, as its reader cut it.

    Attributes:
        frame: its number.
        pts_s: its time.
        first_region: number of its first region among all of the source.
        crops: uint8 [regions, height, width, 3], the scripted shift applied.
    """

    frame: int
    pts_s: float
    first_region: int
    crops: Pixels


def play_again(
    name: str, config: SourceConfig, info: ModelInfo, seed: int, frames: frozenset[int]
) -> Iterator[FrameAgain]:
    """Read a source from its beginning, and cut the same regions from the same frames as a run did.

    Args:
        name: of the source in the run: a scripted shift draws by it.
        config: of the source.
        info: of the model.
        seed: of the run.
        frames: that the run has answered; others were dropped before they were cut.

    Raises:
        ConfigError: the source is live, so it shows something else now.
        SourceError: the source cannot be read.
    """
    reader = open_reader(config)
    if reader.live:
        raise ConfigError(
            f"sources.{name}: expected what can be played again, such as a file; "
            f"{redact(config.uri)} is live"
        )
    finder, cropper = build_region_finder(config.regions), Cropper(info.input_size, info.resize)
    shift = None if config.perturb is None else Perturbation.parse(config.perturb)
    regions, last = 0, max(frames, default=-1)
    try:
        for frame in reader.frames():
            if frame.index > last:
                break
            if frame.index not in frames:
                continue
            crops = cropper.crops(frame, finder.find(frame))
            if shift is not None:
                crops = shift.apply(crops, regions, CropKey(seed, name, frame.index))
            yield FrameAgain(frame.index, frame.pts_s, regions, crops)
            regions += len(crops)
    finally:
        reader.close()
