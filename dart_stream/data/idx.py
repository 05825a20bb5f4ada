"""IDX files, the format of MNIST and Fashion-MNIST, in a folder, gzipped or not.

Reference: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998.
"""

import gzip
import math
import re
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.data.array_dataset import ArrayDataset, LabelledPixels
from dart_stream.errors import DataError

FASHION: Final = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_FILE: Final = re.compile(
    r"(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?", re.IGNORECASE
)
_UNSIGNED_BYTES: Final = 8
_FASHION_STARTS: Final = [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
"""The first training labels of Fashion-MNIST; the files themselves carry no names."""


def is_idx_folder(path: Path) -> bool:
    """Whether a folder holds IDX files of training pictures."""
    return path.is_dir() and ("train", "images") in _files(path)


def open_idx(
    path: Path, classes: tuple[str, ...] | None = None, *, name: str | None = None
) -> ArrayDataset:
    """Read `train-images-idx3-ubyte[.gz]` and its companions.

    Args:
        path: the folder.
        classes: names in the order of the labels; None knows those of Fashion-MNIST and takes the
            labels themselves otherwise.
        name: of the data set; None takes the folder's.

    Raises:
        DataError: a file is missing, damaged, of another kind, or does not fit its companion.
    """
    files = _files(path)
    parts = {
        split: _part(path, split, files)
        for split in ("train", "test")
        if (split, "images") in files or split == "train"
    }
    labels = parts["train"].labels
    if classes is None:
        is_fashion = labels[: len(_FASHION_STARTS)].tolist() == _FASHION_STARTS
        classes = FASHION if is_fashion else tuple(map(str, range(int(labels.max()) + 1)))
    mirror = classes == FASHION  # digits and letters have a direction
    return ArrayDataset(name or path.resolve().name, list(classes), parts, mirror=mirror)


def _files(path: Path) -> dict[tuple[str, str], Path]:
    """The file of each (split, "images" or "labels")."""
    found = {}
    for file in sorted(path.iterdir()):
        match = _FILE.fullmatch(file.name)
        if match:
            split = "train" if match[1].lower() == "train" else "test"
            found[split, match[2].lower()] = file
    return found


def _part(path: Path, split: str, files: dict[tuple[str, str], Path]) -> LabelledPixels:
    if (split, "labels") not in files:
        raise DataError(f"{path}: expected the labels of {split!r} beside its pictures, found none")
    pixels = read_idx(files[split, "images"], dimensions=3)
    labels = read_idx(files[split, "labels"], dimensions=1)
    if not len(labels):
        raise DataError(f"{files[split, 'labels']}: expected labels, found none")
    return LabelledPixels(pixels, labels.astype(np.int64))


def read_idx(path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Read an array of unsigned bytes.

    Args:
        path: of the file; `.gz` is unpacked.
        dimensions: expected of the array.

    Raises:
        DataError: damaged, cut short, or of another kind.
    """
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected an IDX file, cannot read it: {error}") from error
    header = 4 + 4 * dimensions
    magic = bytes((0, 0, _UNSIGNED_BYTES, dimensions))
    if len(content) < header or content[:4] != magic:
        raise DataError(
            f"{path}: expected an IDX file of bytes in {dimensions} dimensions (it begins with "
            f"{magic.hex(' ')}), got {content[:4].hex(' ') or 'nothing'}"
        )
    shape = tuple(np.frombuffer(content[4:header], ">u4").tolist())
    if len(content) - header != math.prod(shape):
        raise DataError(
            f"{path}: expected {math.prod(shape)} bytes of {'x'.join(map(str, shape))}, "
            f"got {len(content) - header}; copy the file again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
