"""Crops of a source, one after another, without the pipeline."""

from collections.abc import Callable
from typing import Final

import numpy as np

from dart_stream.model_info import ModelInfo
from pipeline.config import SourceConfig
from pipeline.errors import SourceError
from pipeline.readers.base import Pixels
from pipeline.readers.registry import open_reader
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
