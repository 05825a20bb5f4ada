"""Which frames of a source are kept: `stride`, `max_fps` and `start`."""

import math

from pipeline.config import SourceConfig
from pipeline.errors import ConfigError

# Timestamps are read back from JSON and summed over passes; this is far below one frame.
_ROUNDING_S = 1e-6


class Thinner:
    """Decides frame by frame, from its number and time alone, so a second run decides the same.

    `max_fps` divides source time into cells of 1/max_fps seconds, centred on its multiples, and
    keeps the first frame of each. Centring makes a source whose own rate is `max_fps` keep every
    frame even though its timestamps are rounded.
    """

    def __init__(self, config: SourceConfig) -> None:
        _check(config)
        self._stride = config.stride
        self._max_fps = config.max_fps
        self._start_s = config.start
        self._last_cell: int | None = None
        self.skipped = 0
        """Frames refused so far."""

    def keep(self, index: int, pts_s: float) -> bool:
        """Whether this frame goes on; call it once for every frame, in order."""
        kept = self._in_stride(index) and pts_s >= self._start_s - _ROUNDING_S
        if kept and self._max_fps is not None:
            cell = math.floor(pts_s * self._max_fps + 0.5 + _ROUNDING_S)
            kept = cell != self._last_cell
            self._last_cell = cell
        self.skipped += not kept
        return kept

    def _in_stride(self, index: int) -> bool:
        return index % self._stride == 0


def _check(config: SourceConfig) -> None:
    if config.stride < 1:
        raise ConfigError(f"stride: expected 1 or more, got {config.stride}")
    if config.max_fps is not None and not (0 < config.max_fps < math.inf):
        raise ConfigError(f"max_fps: expected a positive number, got {config.max_fps}")
    if not 0 <= config.start < math.inf:
        raise ConfigError(f"start: expected 0 or more seconds, got {config.start}")


def passes(config: SourceConfig) -> float:
    """How often a source is played, infinity for `loop: true`.

    Raises:
        ConfigError: `loop` is a number below 1.
    """
    if config.loop is True:
        return math.inf
    if config.loop is False:
        return 1
    if config.loop < 1:
        raise ConfigError(f"loop: expected true, false, or 1 or more passes, got {config.loop}")
    return config.loop
