"""Pictures in class folders, `train/cat/1.jpg` or `cat/1.jpg`, as a folder or as a zip."""

from pathlib import Path
from typing import Final

import numpy as np

from dart_stream.data.dataset import SPLITS, Dataset, OnDecoded, Pictures, Skipped
from dart_stream.data.decode import SUFFIXES, Resize
from dart_stream.data.decode_all import decode_all
from dart_stream.data.file_tree import open_tree
from dart_stream.data.layout import ByClass, Layout, find_layout
from dart_stream.errors import DataError

_MAX_DAMAGED_SHARE: Final = 0.5
"""Beyond this something is wrong with the whole of it, and a model of the rest would mislead."""


class ImageFolder(Dataset):
    """A tree of pictures, read in place.

    Args:
        path: a folder or a zip file, laid out as `find_layout` describes.

    Raises:
        DataError: no such data, no pictures in class folders, one class only, or other classes in
            another split.
    """

    def __init__(self, path: Path) -> None:
        with open_tree(path) as tree:
            layout = _layout(path, tree.names)
        splits = tuple(split for split in SPLITS if split in layout.splits)
        classes = sorted(layout.splits[splits[0]])
        _require_classes(path, layout, splits)
        super().__init__(path.resolve().name, classes, splits, notes=layout.notes)
        self._path = path
        self._splits = layout.splits

    def _load(
        self, split: str, size: tuple[int, int], resize: Resize, on_decoded: OnDecoded
    ) -> Pictures:
        by_class = self._splits[split]
        files = [
            (name, label) for label, class_ in enumerate(self.classes) for name in by_class[class_]
        ]
        with open_tree(self._path) as tree:
            images, kept, skipped = decode_all(
                tree.read, [name for name, _ in files], size, resize, on_decoded
            )
        self._require_usable(split, len(files), skipped)
        labels = np.array([label for _, label in files], np.int64)[kept]
        return Pictures(images, labels, self.classes, [files[i][0] for i in kept], skipped)

    def _require_usable(self, split: str, files: int, skipped: list[Skipped]) -> None:
        if len(skipped) > _MAX_DAMAGED_SHARE * files:
            raise DataError(
                f"{self._path}: {len(skipped)} of {files} pictures of {split!r} are damaged, "
                f"such as {skipped[0].name} ({skipped[0].reason}); copy the data again"
            )


def _layout(path: Path, names: list[str]) -> Layout:
    try:
        layout = find_layout(names)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if not any(files for by_class in layout.splits.values() for files in by_class.values()):
        raise DataError(
            f"{path}: expected pictures as CLASS/FILE or train/CLASS/FILE "
            f"({' '.join(sorted(SUFFIXES))}), found none"
        )
    return layout


def _require_classes(path: Path, layout: Layout, splits: tuple[str, ...]) -> None:
    first, *others = splits
    expected = layout.splits[first]
    unreadable = [name for name in expected if not name.isprintable()]
    if unreadable:
        raise DataError(f"{path}: expected readable names of classes, got {unreadable[0]!a}")
    if len(expected) < 2:
        raise DataError(
            f"{path}: expected at least 2 classes in {first!r}, found only {min(expected)!r}"
        )
    for split in splits:
        empty = sorted(name for name, files in layout.splits[split].items() if not files)
        if empty:
            raise DataError(
                f"{path}: expected pictures in every class of {split!r}, found none in "
                f"{', '.join(empty)}; add some, or remove the folder"
            )
    for split in others:
        _require_same_classes(path, (first, expected), (split, layout.splits[split]))


def _require_same_classes(path: Path, one: tuple[str, ByClass], other: tuple[str, ByClass]) -> None:
    if one[1].keys() != other[1].keys():
        only_one, only_other = one[1].keys() - other[1].keys(), other[1].keys() - one[1].keys()
        found = [
            f"only {split!r} has {', '.join(sorted(names))}"
            for split, names in ((one[0], only_one), (other[0], only_other))
            if names
        ]
        raise DataError(
            f"{path}: expected the same classes in {one[0]!r} and {other[0]!r}, but "
            f"{' and '.join(found)}"
        )
