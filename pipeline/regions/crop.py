"""Regions of a frame -> pictures of the size that the model takes."""

from collections.abc import Sequence
from typing import Final, Literal

import cv2
import numpy as np

from pipeline.readers.array_frame import resize as scale
from pipeline.readers.base import Frame, Pixels
from pipeline.regions.base import FoundRegion

PAD_LEVEL: Final = 127
"""Grey around a letterboxed picture; training pads with the same."""

_Bounds = tuple[int, int, int, int]


class Cropper:
    """Cuts regions out and fits them to the model.

    Args:
        input_size: (height, width) of the model's input in pixels.
        resize: `letterbox` keeps the aspect ratio and pads with grey, `stretch` does not.
    """

    def __init__(
        self, input_size: tuple[int, int], resize: Literal["letterbox", "stretch"]
    ) -> None:
        self.height, self.width = input_size
        self._letterbox = resize == "letterbox"

    def crops(self, frame: Frame, regions: Sequence[FoundRegion]) -> Pixels:
        """RGB uint8 of shape (regions, height, width, 3), in the order of `regions`.

        A region that is the whole frame is scaled by the decoder's own scaler, so the full
        picture is never converted for it.
        """
        batch = np.full((len(regions), self.height, self.width, 3), PAD_LEVEL, np.uint8)
        for crop, region in zip(batch, regions, strict=True):
            left, top, right, bottom = _bounds(region, frame)
            x, y, width, height = self._place(right - left, bottom - top)
            whole = (right - left, bottom - top) == (frame.width, frame.height)
            if whole and region.polygon is None:
                picture = frame.resized(width, height)
            else:
                cut = _cut(frame, region, (left, top, right, bottom))
                picture = scale(cut, width, height)
            crop[y : y + height, x : x + width] = picture
        return batch

    def _place(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Where a picture of this size lands in the model's input: x, y, width, height."""
        if not self._letterbox:
            return 0, 0, self.width, self.height
        factor = min(self.width / width, self.height / height)
        fitted_width = min(self.width, max(1, round(width * factor)))
        fitted_height = min(self.height, max(1, round(height * factor)))
        x, y = (self.width - fitted_width) // 2, (self.height - fitted_height) // 2
        return x, y, fitted_width, fitted_height


def _bounds(region: FoundRegion, frame: Frame) -> _Bounds:
    """The box in whole pixels inside the frame, at least one pixel wide and high."""
    x_min, y_min, x_max, y_max = region.box
    left = min(max(round(x_min), 0), frame.width - 1)
    top = min(max(round(y_min), 0), frame.height - 1)
    right = min(max(round(x_max), left + 1), frame.width)
    bottom = min(max(round(y_max), top + 1), frame.height)
    return left, top, right, bottom


def _cut(frame: Frame, region: FoundRegion, bounds: _Bounds) -> Pixels:
    left, top, right, bottom = bounds
    cut = frame.pixels()[top:bottom, left:right]
    if region.polygon is None:
        return cut
    outline = np.rint(np.asarray(region.polygon) - (left, top)).astype(np.int32)
    inside = np.zeros(cut.shape[:2], np.uint8)
    cv2.fillPoly(inside, [outline], 1)
    painted = cut.copy()
    painted[inside == 0] = [round(level) for level in cv2.mean(cut, inside)[:3]]
    return painted
