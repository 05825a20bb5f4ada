"""What every data set looks like, wherever its pictures come from."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.data.decode import Resize
from dart_stream.errors import DataError

SPLITS: Final = ("train", "validation", "test")

OnDecoded = Callable[[int, int], None]
"""Told (pictures done, pictures in all)."""


@dataclass(frozen=True)
class Skipped:
    """A file that could not be decoded, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures of one split.

    Attributes:
        images: RGB pixels in 0..255, [N, H, W, 3].
        labels: index into `classes`, [N].
        classes: class names in the order of the labels.
        names: where each picture comes from, [N]: its file, or its number in the split.
        skipped: files that were left out because they are damaged.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: list[str]
    names: list[str]
    skipped: list[Skipped]

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, rows: NDArray[np.int64]) -> "Pictures":
        """Some of the pictures, copied, in the order of `rows`."""
        names = [self.names[row] for row in rows]
        return Pictures(self.images[rows], self.labels[rows], self.classes, names, skipped=[])


class Dataset(ABC):
    """Pictures with labels, in splits. Opening one reads no more than it must to know these.

    Attributes:
        name: short, without folders: "cifar10", "pictures.zip".
        classes: class names in the order of the labels, the same in every split.
        splits: those that are there, of `SPLITS`.
        mirror: whether a picture flipped left to right still shows its class.
        notes: what was found strange on opening, a line each.
    """

    def __init__(
        self,
        name: str,
        classes: list[str],
        splits: tuple[str, ...],
        *,
        mirror: bool = True,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.classes = classes
        self.splits = splits
        self.mirror = mirror
        self.notes = notes

    def load(
        self,
        split: str,
        *,
        size: tuple[int, int],
        resize: Resize = "stretch",
        on_decoded: OnDecoded | None = None,
    ) -> Pictures:
        """Every picture of `split`, in memory.

        Args:
            split: one of `splits`.
            size: (height, width) in pixels that all pictures are fitted to.
            resize: how they are fitted, see `fit_picture`.
            on_decoded: called now and then with (pictures done, pictures in all).

        Raises:
            DataError: no such split, too large for the memory, or a class without a usable picture.
        """
        if split not in self.splits:
            raise DataError(
                f"{self.name}: expected one of the splits {', '.join(self.splits)}, got {split!r}"
            )
        pictures = self._load(split, size, resize, on_decoded or _ignore)
        self._require_every_class(split, pictures)
        return pictures

    @abstractmethod
    def _load(
        self, split: str, size: tuple[int, int], resize: Resize, on_decoded: OnDecoded
    ) -> Pictures:
        """As `load`, for a split that is there."""

    def _require_every_class(self, split: str, pictures: Pictures) -> None:
        counts = np.bincount(pictures.labels, minlength=len(self.classes))
        empty = [name for name, count in zip(self.classes, counts, strict=True) if not count]
        if empty:
            raise DataError(
                f"{self.name}: expected at least one usable picture in every class of {split!r}, "
                f"found none in {', '.join(empty)} ({len(pictures.skipped)} damaged files skipped)"
            )


def _ignore(done: int, total: int) -> None:
    del done, total
