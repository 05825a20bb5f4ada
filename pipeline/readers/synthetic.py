"""`synthetic://`: pictures made by arithmetic, the same on every machine and every run."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import numpy as np

from pipeline.config import SourceConfig
from pipeline.errors import SourceError
from pipeline.readers.array_frame import ArrayFrame
from pipeline.readers.base import Frame, Pixels, Reader, ResumePoint
from pipeline.readers.thinning import Thinner, passes

_SECTION_FRAMES = 50
"""Length of one stretch of equal difficulty."""
_SECTIONS = ((1, 0.0), (4, 12.0), (12, 40.0))
"""Difficulty in turn: (moving squares, standard deviation of the noise in grey levels)."""


class SyntheticOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`synthetic://?width=64&frames=100`, or the same keys under `options`."""

    width: int = 64
    height: int = 48
    fps: float = 25.0
    frames: int | None = None
    """None goes on for ever."""
    seed: int = 0


class SyntheticReader(Reader):
    """Coloured squares that drift over a gradient, easy, medium and hard by turns."""

    def __init__(self, uri: str, config: SourceConfig) -> None:
        super().__init__(uri, config)
        self.options = _read_options(uri, config.options)

    def frames(self, resume: ResumePoint | None = None) -> Iterator[Frame]:
        """Yield the frames after `resume`."""
        options = self.options
        thinner = Thinner(self.config)
        total = passes(self.config) * (options.frames or float("inf"))
        size = (options.width, options.height)
        index = 0
        while index < total:
            pts_s = index / options.fps
            kept = thinner.keep(index, pts_s)
            self.skipped = thinner.skipped
            if kept and (resume is None or index > resume.frame):
                number = index % options.frames if options.frames else index
                frame = ArrayFrame(index, pts_s, size, partial(self._draw, number))
                frame.skipped = self.skipped
                yield frame
            index += 1

    def _draw(self, number: int) -> Pixels:
        options = self.options
        rng = np.random.default_rng((options.seed, number))
        squares, noise = _SECTIONS[number // _SECTION_FRAMES % len(_SECTIONS)]
        picture = _background(options.width, options.height)
        _draw_squares(picture, squares, number, options.seed)
        if noise:
            picture += rng.normal(0.0, noise, picture.shape)
        return picture.clip(0, 255).astype(np.uint8)


def _background(width: int, height: int) -> np.ndarray:
    across = np.linspace(40.0, 120.0, width)[None, :, None]
    down = np.linspace(0.0, 60.0, height)[:, None, None]
    return across + down + np.zeros((1, 1, 3))


def _draw_squares(picture: np.ndarray, count: int, number: int, seed: int) -> None:
    height, width = picture.shape[:2]
    rng = np.random.default_rng(seed)
    for _ in range(count):
        side = max(1, int(rng.uniform(0.1, 0.35) * min(width, height)))
        x, y, step_x, step_y = rng.uniform(0, 1), rng.uniform(0, 1), *rng.uniform(0.002, 0.02, 2)
        left = int((x + number * step_x) % 1.0 * width)
        top = int((y + number * step_y) % 1.0 * height)
        picture[top : top + side, left : left + side] = rng.uniform(0, 255, 3)


def _read_options(uri: str, extra: dict[str, Any]) -> SyntheticOptions:
    given = {**dict(parse_qsl(urlsplit(uri).query)), **extra}
    try:
        options = msgspec.convert(given, SyntheticOptions, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(SyntheticOptions.__struct_fields__)
        raise SourceError(f"{uri}: {error}; options are {known}") from error
    _check_options(uri, options)
    return options


def _check_options(uri: str, options: SyntheticOptions) -> None:
    frames = 1 if options.frames is None else options.frames
    if min(options.width, options.height, options.fps, frames) <= 0:
        raise SourceError(f"{uri}: width, height, fps and frames must be positive")
    if not math.isfinite(options.fps):
        raise SourceError(f"{uri}: fps must be a finite number")
    if options.seed < 0:
        raise SourceError(f"{uri}: seed must not be negative")
