"""One encoded picture -> RGB pixels of the size that a model wants."""

import io
import zlib
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Resize = Literal["letterbox", "stretch"]

# What Pillow raises for bytes that are no picture, a damaged one, or one too large to be honest.
DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    zlib.error,
    Image.DecompressionBombError,
)


def decode_picture(encoded: bytes, size: tuple[int, int], resize: Resize) -> NDArray[np.uint8]:
    """Decode to RGB, [H, W, 3], turned upright by its EXIF tag and fitted to `size`.

    Grayscale is repeated into three channels; transparency is laid over black.

    Args:
        encoded: a picture file in any format that Pillow reads.
        size: (height, width) of the result in pixels.
        resize: "stretch" ignores the aspect ratio, "letterbox" keeps it and pads with black.

    Raises:
        One of `DECODE_ERRORS`: the bytes are no usable picture.
    """
    with Image.open(io.BytesIO(encoded)) as file:
        picture = _to_rgb(ImageOps.exif_transpose(file))
    height, width = size
    if picture.size != (width, height):
        if resize == "stretch":
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        else:
            picture = ImageOps.pad(picture, (width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # 16 bits a pixel; Pillow would clip instead of scale
        levels = np.asarray(picture).astype(np.uint32) >> 8
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, picture).convert("RGB")
    return picture.convert("RGB")
