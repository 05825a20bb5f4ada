"""A decoded video frame: scaled, converted and turned upright only when asked."""

from typing import Final

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from pipeline.readers.base import Frame, Pixels

# Without these libswscale rounds chroma coarsely, which is visible at 32 pixels and costs nothing.
_EXACT: Final = (
    Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)


class Converter:
    """Decoder's format -> RGB pixels, shared by the frames of one source.

    The scaler's tables are kept from frame to frame, which makes a call about 30 times as fast as
    `VideoFrame.reformat`. Not for use by two threads at once.
    """

    def __init__(self) -> None:
        self._whole = VideoReformatter()
        self._scaled = VideoReformatter()

    def whole(self, picture: av.VideoFrame) -> Pixels:
        """RGB uint8 at the decoder's size."""
        converted = self._whole.reformat(
            picture, format="rgb24", interpolation=int(Interpolation.BICUBIC | _EXACT), threads=1
        )
        return np.asarray(converted.to_ndarray(), np.uint8)

    def scaled(self, picture: av.VideoFrame, width: int, height: int) -> Pixels:
        """RGB uint8 of shape (height, width, 3), area-averaged; bilinear where it is enlarged."""
        if (width, height) == (picture.width, picture.height):
            return self.whole(picture)
        enlarges = width > picture.width or height > picture.height
        method = Interpolation.BILINEAR if enlarges else Interpolation.AREA
        converted = self._scaled.reformat(
            picture, width, height, format="rgb24", interpolation=int(method | _EXACT), threads=1
        )
        return np.asarray(converted.to_ndarray(), np.uint8)


class VideoFrame(Frame):
    """Holds the decoder's buffer.

    Args:
        picture: What the decoder gave; its display matrix says how it stands.
        index: Number of the frame within its source.
        pts_s: Seconds of source time.
        converter: The source's own.
    """

    def __init__(
        self, picture: av.VideoFrame, index: int, pts_s: float, converter: Converter
    ) -> None:
        self.index = index
        self.pts_s = pts_s
        self._picture = picture
        self._converter = converter
        self._quarter_turns = round(picture.rotation / 90) % 4
        sideways = self._quarter_turns % 2 == 1
        self.width = picture.height if sideways else picture.width
        self.height = picture.width if sideways else picture.height
        self.skipped = 0
        self.corrupt = 0
        self.decode_ms = 0.0
        self._pixels: Pixels | None = None
        self.stamp()

    def pixels(self) -> Pixels:
        """The picture as RGB uint8 of shape (height, width, 3), upright."""
        if self._pixels is None:  # several zones of a frame share one conversion
            self._pixels = self._upright(self._converter.whole(self._picture))
        return self._pixels

    def resized(self, width: int, height: int) -> Pixels:
        """The whole picture scaled to (height, width, 3), upright."""
        if self._quarter_turns % 2 == 1:
            width, height = height, width
        return self._upright(self._converter.scaled(self._picture, width, height))

    def _upright(self, pixels: Pixels) -> Pixels:
        # FFmpeg's angle and rot90 both turn counterclockwise.
        return np.ascontiguousarray(np.rot90(pixels, self._quarter_turns))
