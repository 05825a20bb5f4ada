"""One encoded picture -> RGB pixels of the size that a model wants."""

import io
import zlib
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Resize = Literal["letterbox", "stretch"]

PAD_LEVEL = 127  # of 255, around a letterboxed picture

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
        resize: "stretch" ignores the aspect ratio, "letterbox" keeps it and pads with grey.

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
            picture = _letterbox(picture, width, height)
    return np.asarray(picture)


def _letterbox(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Scale to fit inside and centre on grey, to the pixel as readers do with regions."""
    factor = min(width / picture.width, height / picture.height)
    fitted_width = min(width, max(1, round(picture.width * factor)))
    fitted_height = min(height, max(1, round(picture.height * factor)))
    scaled = picture.resize((fitted_width, fitted_height), Image.Resampling.BILINEAR)
    boxed = Image.new("RGB", (width, height), (PAD_LEVEL, PAD_LEVEL, PAD_LEVEL))
    boxed.paste(scaled, ((width - fitted_width) // 2, (height - fitted_height) // 2))
    return boxed


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # 16 bits a pixel; Pillow would clip instead of scale
        levels = np.asarray(picture).astype(np.uint32) >> 8
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, picture).convert("RGB")
    return picture.convert("RGB")
