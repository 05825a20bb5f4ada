"""Crops of a source, one after another, without the pipeline."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
from pipeline.stages.hub import Session

MAX_CROPS: Final = 20_000
"""Of footage that is looked at: 60 MB of crops of 32x32, more than any choice here needs."""
_MAX_BYTES: Final = 512 << 20
"""Of larger crops there are fewer: they are in memory twice for a moment."""


def read_crops(
    config: SourceConfig, info: ModelInfo, limit: int, on_done: Callable[[int], None]
) -> Pixels:
    """The first crops of a source as the model sees them, uint8 [N, height, width, 3].

    Args:
        config: of the source.
        info: of the model.
        limit: at most this many crops; fewer where they are large.
        on_done: told now and then how many there are.

    Raises:
        SourceError: the source cannot be read, or has no regions.
    """
    reader = open_reader(config)
    reader.check()
    finder, cropper = build_region_finder(config.regions), Cropper(info.input_size, info.resize)
    height, width = info.input_size
    limit = max(1, min(limit, _MAX_BYTES // (height * width * 3)))
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


MAX_FRAMES: Final = 1 << 36
"""Of a source that goes on for ever: at 60 frames a second some 36 years."""


@dataclass(frozen=True, slots=True)
class PlayedSession:
    """One of the times that a run read a source.

    Attributes:
        name: of the source in the run: a scripted shift draws by it.
        config: that it was read with.
        session: its number, and where the run's numbers of its frames begin.
        end_frame: its frames lie below; None where it has not ended.
    """

    name: str
    config: SourceConfig
    session: Session = field(default_factory=Session)
    end_frame: int | None = None

    @property
    def frames(self) -> range:
        """Numbers that its frames may have in the run."""
        end = MAX_FRAMES if self.end_frame is None else self.end_frame
        return range(self.session.first_frame, end)


@dataclass(frozen=True, slots=True)
class FrameAgain:
    """A frame that a run has answered, as its reader cut it.

    Attributes:
        frame: its number in the run.
        pts_s: its time in the run.
        first_region: number of its first region among all of the session.
        crops: uint8 [regions, height, width, 3], the scripted shift applied.
    """

    frame: int
    pts_s: float
    first_region: int
    crops: Pixels


def play_again(
    played: PlayedSession, info: ModelInfo, seed: int, frames: frozenset[int]
) -> Iterator[FrameAgain]:
    """Read a source from its beginning, and cut the same regions from the same frames as a run did.

    Args:
        played: what the run read.
        info: of the model.
        seed: of the run.
        frames: that the run has answered, by its numbers; others were dropped before they were cut.

    Raises:
        ConfigError: the source is live, so it shows something else now.
        SourceError: the source cannot be read.
    """
    name, config, begin = played.name, played.config, played.session
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
            number = begin.first_frame + frame.index
            if number > last:
                break
            if number not in frames:
                continue
            crops = cropper.crops(frame, finder.find(frame))
            if shift is not None:
                crops = shift.apply(crops, regions, CropKey(seed, name, frame.index))
            yield FrameAgain(number, begin.first_pts_s + frame.pts_s, regions, crops)
            regions += len(crops)
    finally:
        reader.close()
