"""Which file of a tree is which picture of which class and split, from names alone."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from dart_stream.data.decode import SUFFIXES
from dart_stream.errors import DataError

_SPLIT_OF: Final = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_JUNK: Final = {"__macosx", "thumbs.db", "desktop.ini", "@eadir"}
"""Left by operating systems; hidden files are left out as well."""

ByClass = dict[str, list[str]]


@dataclass(frozen=True)
class Layout:
    """Files of each class of each split, and what was left out, a line each."""

    splits: dict[str, ByClass]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    """A file or folder; `parts` of its path shrink while outer folders are taken off."""

    name: str
    parts: tuple[str, ...]
    is_folder: bool

    @property
    def is_picture(self) -> bool:
        return not self.is_folder and PurePosixPath(self.name).suffix.lower() in SUFFIXES


def find_layout(names: Iterable[str]) -> Layout:
    """Tell splits and classes apart.

    `train/CLASS/FILE` beside `val/` and `test/`, or `CLASS/FILE` alone, which counts as `train`.
    Either may lie inside further folders, and pictures may lie deeper inside their class.

    Args:
        names: of all files and folders, with forward slashes; folders end in one.

    Raises:
        DataError: class folders beside `test/` without `train/`.
    """
    entries = _inside_outer_folders([entry for entry in map(_entry, names) if not _is_junk(entry)])
    folders = {entry.parts[0] for entry in entries if entry.is_folder or len(entry.parts) > 1}
    split_folders = {name for name in folders if name.lower() in _SPLIT_OF}
    beside = sorted(folders - split_folders)
    if split_folders and beside and "train" not in {_SPLIT_OF[n.lower()] for n in split_folders}:
        raise DataError(
            f"expected class folders inside train/ when there is {min(split_folders)}/, "
            f"found {_some(beside)} beside it; move them into train/"
        )
    splits: dict[str, ByClass] = {}
    left_out: list[_Entry] = []
    for entry in entries:
        split, inside = "train", entry.parts
        if split_folders:
            split, inside = _SPLIT_OF.get(entry.parts[0].lower(), ""), entry.parts[1:]
        if split == "" or not _place(entry, inside, splits.setdefault(split, {})):
            left_out.append(entry)
    found = {split: by_class for split, by_class in splits.items() if by_class}
    return Layout(found, tuple(_notes(left_out, beside if split_folders else [])))


def _entry(name: str) -> _Entry:
    return _Entry(name, PurePosixPath(name).parts, name.endswith("/"))


def _is_junk(entry: _Entry) -> bool:
    return not entry.parts or any(
        part.startswith(".") or part.lower() in _JUNK for part in entry.parts
    )


def _inside_outer_folders(entries: list[_Entry]) -> list[_Entry]:
    """Take off folders that only hold one more folder level around the data."""
    while True:
        deep = [entry for entry in entries if len(entry.parts) > 1]
        outer = {entry.parts[0] for entry in entries if entry.is_folder or len(entry.parts) > 1}
        holds_folders = any(len(entry.parts) > 2 or entry.is_folder for entry in deep)
        if len(outer) != 1 or not holds_folders or min(outer).lower() in _SPLIT_OF:
            return entries
        entries = [_Entry(entry.name, entry.parts[1:], entry.is_folder) for entry in deep]


def _place(entry: _Entry, inside: tuple[str, ...], by_class: ByClass) -> bool:
    """Put an entry into its class; False for a file that is no picture of a class."""
    if len(inside) >= 2 or (entry.is_folder and inside):
        # The same name may be spelt in two ways in Unicode, by different operating systems.
        files = by_class.setdefault(unicodedata.normalize("NFC", inside[0]), [])
        if entry.is_picture:
            files.append(entry.name)
            return True
    return entry.is_folder


def _notes(left_out: list[_Entry], beside: list[str]) -> Iterable[str]:
    pictures = [entry.name for entry in left_out if entry.is_picture]
    others = [entry.name for entry in left_out if not entry.is_picture]
    if beside:
        yield f"folders beside the splits, ignored: {_some([name + '/' for name in beside])}"
    loose = [name for name in pictures if PurePosixPath(name).parts[0] not in beside]
    if loose:
        yield f"pictures in no class folder, ignored: {len(loose)} ({_some(loose)})"
    if others:
        kinds = Counter(PurePosixPath(name).suffix.lower() or "no suffix" for name in others)
        listed = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(5))
        yield f"files that are no pictures, ignored: {len(others)} ({listed})"


def _some(names: list[str]) -> str:
    """The first few of them."""
    listed = ", ".join(names[:3])
    return listed if len(names) <= 3 else f"{listed} and {len(names) - 3} more"
