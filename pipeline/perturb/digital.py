"""What happens to a picture on its way: made coarse, compressed."""

from typing import Final

import cv2
import numpy as np

from pipeline.perturb.effect import PUBLISHED_SIDE, Draw, Levels, each, scale_of

_KEPT: Final = (0.95, 0.9, 0.85, 0.75, 0.65)
"""Share of the pixels along a side, of 32."""
_QUALITY: Final = (80, 65, 58, 50, 40)
"""Of JPEG, whose blocks have 8 pixels whatever the size of the picture."""


def pixelate(crops: Levels, severity: int, _draw: Draw) -> Levels:
    """Show the picture with fewer pixels."""
    height, width = crops.shape[1:3]
    kept = int(PUBLISHED_SIDE * _KEPT[severity - 1]) / PUBLISHED_SIDE / scale_of(crops)
    coarse = (max(1, round(width * kept)), max(1, round(height * kept)))

    def coarsened(crop: Levels, _index: int) -> Levels:
        small = cv2.resize(crop, coarse, interpolation=cv2.INTER_AREA)
        large = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return np.asarray(large, np.float32)

    return each(crops, coarsened)


def jpeg_compression(crops: Levels, severity: int, _draw: Draw) -> Levels:
    """Compress and decompress."""
    how = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY[severity - 1]]

    def compressed(crop: Levels, _index: int) -> Levels:
        blue_first = np.rint(crop).clip(0, 255).astype(np.uint8)[:, :, ::-1]
        _, file = cv2.imencode(".jpg", blue_first, how)
        decoded = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.float32)
        return decoded[:, :, ::-1]

    return each(crops, compressed)
