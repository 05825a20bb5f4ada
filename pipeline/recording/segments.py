"""The files of a recording: `telemetry.mpk` grows, older segments carry a number."""

import re
from pathlib import Path
from typing import Final

TELEMETRY: Final = "telemetry.mpk"
_OLDER: Final = re.compile(r"telemetry\.(\d{6,})\.mpk")


def segment_paths(folder: Path) -> list[Path]:
    """Every segment that is there, oldest first."""
    return list(numbered_segments(folder).values())


def numbered_segments(folder: Path) -> dict[int, Path]:
    """Every segment that is there by its number, rising; the one that grows has none to its name.

    A number stays when its segment is set aside.
    """
    older = _older(folder)
    found = {_number(path): path for path in older}
    current = folder / TELEMETRY
    if current.exists():
        found[max(found, default=0) + 1] = current
    return found


def path_of(folder: Path, number: int) -> Path:
    """Of a segment that is set aside."""
    return folder / f"telemetry.{number:06}.mpk"


def set_aside(folder: Path) -> Path:
    """Give the segment that grows a number, so that a new one can begin; returns its new path."""
    path = path_of(folder, next_number(folder))
    (folder / TELEMETRY).rename(path)
    return path


def next_number(folder: Path) -> int:
    """Of the segment that grows, once it is set aside; the first is 1."""
    older = _older(folder)
    return 1 + (_number(older[-1]) if older else 0)


def remove_oldest(folder: Path, max_bytes: int) -> None:
    """Remove segments that are set aside, oldest first, until the rest fits; the newest stays."""
    sizes = {path: _size_of(path) for path in _older(folder)}
    total = sum(sizes.values())
    for path in list(sizes)[:-1]:
        if total <= max_bytes:
            return
        path.unlink(missing_ok=True)
        total -= sizes[path]


def _size_of(path: Path) -> int:
    """0 for a segment that somebody has removed meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _older(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("telemetry.*.mpk") if _OLDER.fullmatch(path.name)]
    return sorted(found, key=_number)


def _number(path: Path) -> int:
    match = _OLDER.fullmatch(path.name)
    assert match is not None, "only segments that are set aside have one"
    return int(match[1])
