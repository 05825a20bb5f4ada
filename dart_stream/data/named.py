"""Data sets known by name, read and fetched by torchvision."""

import difflib
import pickle
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from dart_stream.data.array_dataset import ArrayDataset, LabelledPixels
from dart_stream.data.idx import FASHION, is_idx_folder, open_idx
from dart_stream.errors import DataError

DIGITS: Final = tuple("0123456789")
_NO_ANSWER_S: Final = 30.0


@dataclass(frozen=True)
class _Known:
    """A class of `torchvision.datasets`, and what it does not say itself.

    Attributes:
        loader: name of the class.
        classes: names in the order of the labels; None takes those of the loader.
        mirror: see `Dataset`.
        labels: attribute of the loader that holds the labels.
        by_split: the loader takes `split="train"` instead of `train=True`.
        idx: it is distributed as IDX files, which are read without torchvision's folders.
    """

    loader: str
    classes: tuple[str, ...] | None = None
    mirror: bool = True
    labels: str = "targets"
    by_split: bool = False
    idx: bool = False


_KNOWN: Final = MappingProxyType(
    {
        "cifar10": _Known("CIFAR10"),
        "cifar100": _Known("CIFAR100"),
        "mnist": _Known("MNIST", DIGITS, mirror=False, idx=True),
        "fashion-mnist": _Known("FashionMNIST", FASHION, idx=True),
        "svhn": _Known("SVHN", DIGITS, mirror=False, labels="labels", by_split=True),
    }
)
NAMES: Final = tuple(_KNOWN)


def known_name(spec: str) -> str | None:
    """The data set that `spec` names, however it is written ("CIFAR-10"); None for none."""
    return {_plain(name): name for name in NAMES}.get(_plain(spec))


def nearest_name(spec: str) -> str | None:
    """The data set that a misspelt `spec` may mean."""
    near = difflib.get_close_matches(spec.lower(), NAMES, n=1, cutoff=0.7)
    return near[0] if near else None


def open_named(name: str, root: Path) -> ArrayDataset:
    """Read a data set, fetching it first if it is not there yet.

    Args:
        name: one of `NAMES`.
        root: where torchvision keeps its data sets; or a folder of the set's own IDX
            files, if it has such.

    Raises:
        DataError: it is not there and cannot be fetched, or is damaged.
    """
    known = _KNOWN[name]
    if known.idx and is_idx_folder(root):
        return open_idx(root, known.classes, name=name)
    loaders = {split: _loader(name, known, root, split) for split in ("train", "test")}
    parts = {
        split: LabelledPixels(
            _height_width_channels(np.asarray(loader.data)),
            np.asarray(getattr(loader, known.labels), np.int64),
        )
        for split, loader in loaders.items()
    }
    classes = known.classes or tuple(loaders["train"].classes)
    return ArrayDataset(name, list(classes), parts, mirror=known.mirror)


def _plain(text: str) -> str:
    return text.lower().replace("-", "").replace("_", "")


def _loader(name: str, known: _Known, root: Path, split: str) -> Any:
    from torchvision import datasets

    which: dict[str, Any] = {"split": split} if known.by_split else {"train": split == "train"}
    try:
        with _patience():
            return getattr(datasets, known.loader)(root, download=True, **which)
    except ImportError as error:
        raise DataError(f"{name}: torchvision needs {error.name} to read it; install it") from error
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{name}: expected the data in {root}, or that torchvision can fetch it there, but: "
            f"{reason}; put its files there, or give another folder with --data-root"
        ) from error


@contextmanager
def _patience() -> Iterator[None]:
    """A server that does not answer ends the fetch."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_NO_ANSWER_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _height_width_channels(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> Any:
    """[N, 3, H, W] (SVHN) becomes [N, H, W, 3]; everything else is in that order already."""
    if pixels.ndim == 4 and pixels.shape[1] == 3:
        return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    return pixels
