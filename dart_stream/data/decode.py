"""One encoded picture -> RGB pixels of the size that a model wants."""

import io
import struct
import zlib
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from dart_stream.errors import DataError

Resize = Literal["letterbox", "stretch"]

PAD_LEVEL = 127  # of 255, around a letterboxed picture

FORMATS: Final = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is read, whatever the file's name says. Others are refused: EPS would start a program."""

SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)

Image.init()  # registers every format now, and not in several threads at once

_DRAFT_FACTOR: Final = 3
"""A large JPEG is decoded at a fraction of its size that is still this many times the result's."""

# What Pillow raises for bytes that are a damaged picture, or one too large to be honest.
_DECODE_ERRORS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def decode_picture(encoded: bytes, size: tuple[int, int], resize: Resize) -> NDArray[np.uint8]:
    """Decode to RGB, [H, W, 3], turned upright by its EXIF tag and fitted to `size`.

    Grayscale is repeated into three channels, 16 bits are scaled to 8, transparency is laid over
    black, and of several pictures in a file the first counts.

    Args:
        encoded: a picture file in one of `FORMATS`.
        size: (height, width) of the result in pixels.
        resize: see `fit_picture`.

    Raises:
        DataError: the bytes are no usable picture; says why.
    """
    if not encoded:
        raise DataError("empty file")
    longest = _DRAFT_FACTOR * max(size)
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as file:
            file.draft("RGB", (longest, longest))
            return fit_picture(_to_rgb(ImageOps.exif_transpose(file)), size, resize)
    except UnidentifiedImageError:
        raise DataError("not a picture in a known format") from None
    except _DECODE_ERRORS as error:
        reason = " ".join(str(error).split())
        raise DataError(reason or type(error).__name__) from error


def fit_picture(picture: Image.Image, size: tuple[int, int], resize: Resize) -> NDArray[np.uint8]:
    """Pixels [H, W, 3] of an RGB picture (or [H, W] of a grayscale one), fitted to `size`.

    Args:
        picture: in mode RGB or L.
        size: (height, width) of the result in pixels.
        resize: "stretch" ignores the aspect ratio, "letterbox" keeps it and pads with grey.
    """
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
    grey = (PAD_LEVEL,) * len(picture.getbands())
    boxed = Image.new(picture.mode, (width, height), grey)
    boxed.paste(scaled, ((width - fitted_width) // 2, (height - fitted_height) // 2))
    return boxed


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        raise ValueError("floating-point pixels, whose range is not known")
    if picture.mode.startswith("I"):  # 16 bits a pixel; Pillow would clip instead of scale
        levels = np.asarray(picture).astype(np.uint32) >> 8
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, picture).convert("RGB")
    return picture.convert("RGB")
