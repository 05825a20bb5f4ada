"""A frame whose pixels are already in memory."""

from collections.abc import Callable

import cv2
import numpy as np

from pipeline.readers.base import Frame, Pixels


class ArrayFrame(Frame):
    """Wraps a function that hands out RGB pixels; it is called at most once.

    Args:
        size: (width, height) in pixels.
        load: Gives the picture, (height, width, 3) RGB uint8.
    """

    def __init__(
        self, index: int, pts_s: float, size: tuple[int, int], load: Callable[[], Pixels]
    ) -> None:
        self.index = index
        self.pts_s = pts_s
        self.width, self.height = size
        self.skipped = 0
        self.corrupt = 0
        self.decode_ms = 0.0
        self._load = load
        self._pixels: Pixels | None = None
        self.stamp()

    def pixels(self) -> Pixels:
        """The picture as RGB uint8 of shape (height, width, 3)."""
        if self._pixels is None:
            self._pixels = np.ascontiguousarray(self._load())
        return self._pixels

    def resized(self, width: int, height: int) -> Pixels:
        """The whole picture scaled to (height, width, 3)."""
        return resize(self.pixels(), width, height)


def resize(picture: Pixels, width: int, height: int) -> Pixels:
    """Scale (H, W, 3) to (height, width, 3): area-averaged, bilinear where it is enlarged."""
    rows, columns = picture.shape[:2]
    if (rows, columns) == (height, width):
        return picture
    enlarges = width > columns or height > rows
    method = cv2.INTER_LINEAR if enlarges else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)
