"""A data set whose splits already are arrays of pixels, such as those that torchvision reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dart_stream.data.dataset import Dataset, OnDecoded, Pictures
from dart_stream.data.decode import Resize, fit_picture
from dart_stream.data.memory import require_memory
from dart_stream.errors import DataError

_REPORT_EVERY: Final = 512


@dataclass(frozen=True)
class LabelledPixels:
    """Pictures uint8, [N, H, W] grayscale or [N, H, W, 3] RGB, and their classes, [N]."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


class ArrayDataset(Dataset):
    """Fits pictures of one size to the size that is asked for.

    Args:
        name: short.
        classes: class names in the order of the labels.
        parts: each split; the first is `train`.
        mirror: see `Dataset`.

    Raises:
        DataError: a label outside the classes, or other than one label a picture.
    """

    def __init__(
        self,
        name: str,
        classes: list[str],
        parts: Mapping[str, LabelledPixels],
        *,
        mirror: bool = True,
    ) -> None:
        super().__init__(name, classes, tuple(parts), mirror=mirror)
        self._parts = parts
        for split, part in parts.items():
            _check(f"{name}, {split}", part, len(classes))

    def _load(
        self, split: str, size: tuple[int, int], resize: Resize, on_decoded: OnDecoded
    ) -> Pictures:
        part = self._parts[split]
        names = [f"{split} picture {number}" for number in range(len(part.labels))]
        images = _fitted(part.pixels, size, resize, on_decoded)
        return Pictures(images, part.labels, self.classes, names, [])


def _check(where: str, part: LabelledPixels, classes: int) -> None:
    if len(part.pixels) != len(part.labels):
        raise DataError(
            f"{where}: expected a label for each of {len(part.pixels)} pictures, "
            f"got {len(part.labels)}"
        )
    outside = part.labels[(part.labels < 0) | (part.labels >= classes)]
    if len(outside):
        raise DataError(
            f"{where}: expected labels from 0 to {classes - 1}, got {outside[0]} "
            f"({len(outside)} labels out of range)"
        )


def _fitted(
    pixels: NDArray[np.uint8], size: tuple[int, int], resize: Resize, on_decoded: OnDecoded
) -> NDArray[np.uint8]:
    """Pictures [N, H, W, 3]; grayscale is repeated into three channels."""
    require_memory(len(pixels), size)
    images = np.empty((len(pixels), *size, 3), np.uint8)
    for start in range(0, len(pixels), _REPORT_EVERY):
        stop = min(start + _REPORT_EVERY, len(pixels))
        for index in range(start, stop):
            fitted = fit_picture(Image.fromarray(pixels[index]), size, resize)
            images[index] = fitted if fitted.ndim == 3 else fitted[..., None]
        on_decoded(stop, len(pixels))
    return images
