"""The ImageFolder layout, `split/class/picture`, in a folder or in a zip that is read in place."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from dart_stream.data.decode import DECODE_ERRORS, Resize, decode_picture
from dart_stream.errors import DataError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}

OnDecoded = Callable[[int, int], None]  # (pictures done, pictures in all)


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
        classes: class names in alphabetical order.
        skipped: files that were left out because they are damaged.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: list[str]
    skipped: list[Skipped]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class _Source:
    """Names of all files, relative and with forward slashes, and how to read one."""

    names: list[str]
    read: Callable[[str], bytes]


def load_split(
    path: Path,
    split: str,
    *,
    size: tuple[int, int],
    resize: Resize = "stretch",
    on_decoded: OnDecoded | None = None,
) -> Pictures:
    """Decode every picture of `split` ("train", "test", ...) into memory.

    Args:
        path: a folder or a .zip file that holds `split/class/picture`, possibly inside one
            folder more.
        split: name of the folder of the split.
        size: (height, width) in pixels that all pictures are fitted to.
        resize: how they are fitted, see `decode_picture`.
        on_decoded: called now and then with (pictures done, pictures in all).

    Raises:
        DataError: no such data, no such split, or a class without a usable picture.
    """
    with _open(path) as source:
        by_class = _group(source.names, split)
        if not by_class:
            raise DataError(
                f"{path}: expected pictures as {split}/CLASS/FILE "
                f"({', '.join(sorted(SUFFIXES))}), found none"
            )
        classes = sorted(by_class)
        files = [
            (file, label) for label, name in enumerate(classes) for file in sorted(by_class[name])
        ]
        pictures = _decode_all(source, files, classes, size, resize, on_decoded)
    _require_every_class(path, split, pictures)
    return pictures


def has_split(path: Path, split: str) -> bool:
    """Tell whether the data holds pictures of `split`.

    Raises:
        DataError: no such data.
    """
    with _open(path) as source:
        return any(_group(source.names, split).values())


@contextmanager
def _open(path: Path) -> Iterator[_Source]:
    if path.is_dir():
        names = [p.relative_to(path).as_posix() for p in path.rglob("*") if not p.is_dir()]
        folders = [p.relative_to(path).as_posix() + "/" for p in path.rglob("*") if p.is_dir()]
        yield _Source(names + folders, lambda name: (path / name).read_bytes())
    elif path.is_file():
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise DataError(f"{path}: expected a folder or a zip file: {error}") from error
        with archive:
            yield _Source(archive.namelist(), archive.read)
    else:
        raise DataError(f"{path}: expected a folder or a zip file with pictures, found nothing")


def _group(names: list[str], split: str) -> dict[str, list[str]]:
    """Picture files of each class; a class folder without pictures gives an empty list."""
    by_class: dict[str, list[str]] = {}
    for name in names:
        parts = PurePosixPath(name).parts
        if split not in parts[:2] or any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        inside = parts[parts.index(split) + 1 :]
        if name.endswith("/") and len(inside) == 1:
            by_class.setdefault(inside[0], [])
        elif len(inside) >= 2 and PurePosixPath(name).suffix.lower() in SUFFIXES:
            by_class.setdefault(inside[0], []).append(name)
    return by_class


def _decode_all(
    source: _Source,
    files: list[tuple[str, int]],
    classes: list[str],
    size: tuple[int, int],
    resize: Resize,
    on_decoded: OnDecoded | None,
) -> Pictures:
    images = np.empty((len(files), *size, 3), np.uint8)
    labels: list[int] = []
    skipped: list[Skipped] = []
    for index, (name, label) in enumerate(files):
        try:
            images[len(labels)] = decode_picture(source.read(name), size, resize)
        except (*DECODE_ERRORS, zipfile.BadZipFile) as error:
            skipped.append(Skipped(name, str(error)))
        else:
            labels.append(label)
        if on_decoded is not None and (index % 256 == 255 or index + 1 == len(files)):
            on_decoded(index + 1, len(files))
    return Pictures(images[: len(labels)], np.array(labels, np.int64), classes, skipped)


def _require_every_class(path: Path, split: str, pictures: Pictures) -> None:
    counts = np.bincount(pictures.labels, minlength=len(pictures.classes))
    empty = [name for name, count in zip(pictures.classes, counts, strict=True) if not count]
    if empty:
        raise DataError(
            f"{path}: expected at least one usable picture in every class of {split!r}, "
            f"found none in {', '.join(empty)} ({len(pictures.skipped)} damaged files skipped)"
        )
    if len(pictures.classes) < 2:
        raise DataError(
            f"{path}: expected at least 2 classes in {split!r}, found only {pictures.classes[0]}"
        )
