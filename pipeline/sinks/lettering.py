"""Text on pictures: drawn once, kept, and laid over as often as it is wanted."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

_KEPT: Final = 512
"""Texts; most come again with the next frame."""


class Lettering:
    """Text of one size.

    Args:
        height: Of a line, in pixels.
    """

    def __init__(self, height: int) -> None:
        self.height = height
        self._font = ImageFont.load_default(size=height * 0.8)
        self._ascent, self._descent = self._metrics()
        self._mask = lru_cache(maxsize=_KEPT)(self._draw)

    def width(self, text: str) -> int:
        """How many pixels a text takes."""
        return int(self._mask(text).shape[1])

    def write(self, pixels: Pixels, text: str, at: tuple[int, int], colour: Colour) -> None:
        """Lay a text over RGB pixels, its upper left corner at (x, y); what hangs over is cut."""
        mask = self._mask(text)
        x, y = max(0, at[0]), max(0, at[1])
        below = pixels[y : y + mask.shape[0], x : x + mask.shape[1]]
        share = _share(mask[: below.shape[0], : below.shape[1], None])
        below[:] = (below + share * (np.asarray(colour, np.float32) - below)).astype(np.uint8)

    def _metrics(self) -> tuple[int, int]:
        if isinstance(self._font, ImageFont.FreeTypeFont):
            return self._font.getmetrics()
        return self.height, 0

    def _draw(self, text: str) -> Pixels:
        """Ink from 0 to 255, of shape (height, width)."""
        width = max(1, round(self._font.getlength(text)) + 1)
        picture = Image.new("L", (width, self.height))
        top = (self.height - self._ascent - self._descent) // 2
        ImageDraw.Draw(picture).text((0, top), text, fill=255, font=self._font)
        return np.array(picture, np.uint8)


def _share(ink: Pixels) -> NDArray[np.float32]:
    return ink.astype(np.float32) / np.float32(255)
