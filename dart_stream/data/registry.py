"""Opens a data set of any kind from what the user calls it.

A new kind is a file in this folder and an entry in `KINDS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dart_stream.data.dataset import Dataset
from dart_stream.data.idx import is_idx_folder, open_idx
from dart_stream.data.imagefolder import ImageFolder
from dart_stream.data.named import NAMES, known_name, nearest_name, open_named
from dart_stream.errors import DataError


@dataclass(frozen=True)
class Kind:
    """A kind of data set.

    Attributes:
        name: of the kind.
        recognises: whether a name or path is of this kind.
        open: gives the data set; the second argument is where named data sets are kept.
    """

    name: str
    recognises: Callable[[str], bool]
    open: Callable[[str, Path], Dataset]


def _open_named(spec: str, root: Path) -> Dataset:
    name = known_name(spec)
    assert name is not None
    return open_named(name, root)


KINDS: Final = (
    Kind("named", lambda spec: known_name(spec) is not None, _open_named),
    Kind("idx", lambda spec: is_idx_folder(Path(spec)), lambda spec, _root: open_idx(Path(spec))),
    Kind(
        "imagefolder",
        lambda spec: Path(spec).exists(),
        lambda spec, _root: ImageFolder(Path(spec)),
    ),
)
"""Tried in this order."""


def open_dataset(spec: str, root: Path = Path("data")) -> Dataset:
    """Open a data set.

    Args:
        spec: a name such as `cifar10`, which wins over a folder of that name (write `./cifar10`
            for the folder); or a folder or zip of pictures in class folders, or of IDX files.
        root: where named data sets are, or are fetched to.

    Raises:
        DataError: nothing of any kind, or it cannot be used.
    """
    for kind in KINDS:
        if kind.recognises(spec):
            return kind.open(spec, root)
    near = nearest_name(spec)
    raise DataError(
        f"{spec}: expected a folder or zip of pictures, a folder of IDX files, or one of "
        f"{', '.join(NAMES)}; found no such thing" + (f", did you mean {near}?" if near else "")
    )
