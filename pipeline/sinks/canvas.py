"""Frames of any size on pictures of one size, and where their pixels land there."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_MIN_HEIGHT: Final = 240
"""Pixels; below it no text could be read, so small frames are enlarged."""
_MAX_SIDE: Final = 16_384
"""Pixels; libx264 refuses more."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A frame on the canvas."""

    pixels: Pixels
    """RGB uint8 of shape (height, width, 3), to be drawn on."""
    scale: tuple[float, float]
    """Canvas pixels for one of the source's, across and down."""
    offset: tuple[int, int]
    """Where the frame's upper left corner lies, in canvas pixels."""

    def box(self, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
        """x_min, y_min, x_max, y_max of the source's frame in whole pixels inside the canvas."""
        height, width = self.pixels.shape[:2]
        x = [self.offset[0] + value * self.scale[0] for value in (box[0], box[2])]
        y = [self.offset[1] + value * self.scale[1] for value in (box[1], box[3])]
        left, right = (min(max(round(value), 0), width - 1) for value in x)
        top, bottom = (min(max(round(value), 0), height - 1) for value in y)
        return left, top, right, bottom


class Canvas:
    """Pictures of the size that the first frame asks for; later ones are fitted in, on black.

    So is the first one where it is too wide to be enlarged until text can be read.

    Args:
        width: Of the first frame, in pixels.
        height: Of the first frame, in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        enlarged = max(1, -(-_MIN_HEIGHT // height))
        factor = min(enlarged, _MAX_SIDE / max(width, height))
        # The encoder halves colour in both directions and so wants even sides.
        self.size = _even(width * factor), max(_even(height * factor), _MIN_HEIGHT)
        self._sheet = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        """Drawn on again and again: new memory would cost more than the copy into it."""

    def place(self, frame: Pixels, source_size: tuple[int, int]) -> Placed:
        """Lay a frame out; the next call may use the same memory.

        Args:
            frame: RGB uint8 of shape (height, width, 3); copied.
            source_size: Width and height in whose pixels boxes are given.
        """
        width, height = self.size
        rows, columns = frame.shape[:2]
        if (columns, rows) == (width, height):
            np.copyto(self._sheet, frame)
            pixels, fitted, offset = self._sheet, (width, height), (0, 0)
        else:
            pixels, fitted, offset = self._fit(frame)
        scale = fitted[0] / source_size[0], fitted[1] / source_size[1]
        return Placed(pixels, scale, offset)

    def _fit(self, frame: Pixels) -> tuple[Pixels, tuple[int, int], tuple[int, int]]:
        width, height = self.size
        rows, columns = frame.shape[:2]
        factor = min(width / columns, height / rows)
        fitted = max(1, int(columns * factor)), max(1, int(rows * factor))
        if max(width - columns, height - rows) <= 1 and columns <= width and rows <= height:
            fitted = columns, rows  # an odd side gets one line of black
        method = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
        resized = cv2.resize(frame, fitted, interpolation=method)
        x, y = (width - fitted[0]) // 2, (height - fitted[1]) // 2
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[y : y + fitted[1], x : x + fitted[0]] = resized
        return pixels, fitted, (x, y)


def _even(side: float) -> int:
    pixels = max(1, round(side))
    return pixels + pixels % 2
