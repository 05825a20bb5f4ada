"""The files of one video, `lot.mp4`, `lot.part2.mp4` and so on, and what they hold together."""

import contextlib
import re
from pathlib import Path
from typing import Final

import msgspec

_PARTS_AT_LIMIT: Final = 8
"""A video at its limit consists of so many, so an eighth of it goes at a time."""
_LEAST_PART_BYTES: Final = 1_000_000


class _Account(msgspec.Struct):
    """What `lot.parts.json` says: parts that need not be read again, and those that are gone."""

    frames: dict[str, int] = {}
    """By number of the part, of those that are finished."""
    removed_parts: int = 0
    removed_frames: int = 0


class VideoParts:
    """Numbers the parts and keeps account of their frames, also of those that were removed.

    Args:
        first: Path of part 1.
        max_bytes: Of all parts together, about; None is no limit.
    """

    def __init__(self, first: Path, max_bytes: int | None) -> None:
        self._first = first
        self._max_bytes = max_bytes
        self._note = first.with_suffix(".parts.json")
        self._number = re.compile(
            rf"{re.escape(first.stem)}(?:\.part(\d+))?{re.escape(first.suffix)}"
        )
        self._account = self._read()

    @property
    def name(self) -> str:
        """How the video is called."""
        return self._first.name

    @property
    def part_bytes(self) -> float:
        """So long may a part become."""
        if self._max_bytes is None:
            return float("inf")
        return max(self._max_bytes / _PARTS_AT_LIMIT, _LEAST_PART_BYTES)

    def frames(self) -> int:
        """Of all parts so far; those that a killed writer left are mended and read."""
        from pipeline.sinks.video_file import kept_frames, mend

        known = self._account.frames
        for number, path in self._found().items():
            if str(number) not in known:
                mend(path)
                known[str(number)] = kept_frames(path)
        return self._account.removed_frames + sum(known.values())

    def begin(self) -> Path:
        """Path of a new part."""
        return self._path(1 + max([self._account.removed_parts, *self._found()]))

    def cut_off(self, path: Path) -> int:
        """Mend a part that could not be finished; returns how many frames it holds.

        It is taken into account; there is no room to write that down now.
        """
        from pipeline.sinks.video_file import kept_frames, mend

        number = self._number_of(path)
        if number is None:
            return 0  # a person removed it to make room
        mend(path)
        frames = kept_frames(path)
        if frames:
            self._account.frames[str(number)] = frames
        else:
            path.unlink()
        return frames

    def finished(self, path: Path, frames: int) -> None:
        """Take a part into account, and remove the oldest beyond the limit.

        Raises:
            OSError: There is no room to write that down.
        """
        number = self._number_of(path)
        if number is not None:
            self._account.frames[str(number)] = frames
        if self._max_bytes is not None:
            self._remove_oldest(self._max_bytes - self.part_bytes)
            self._write()

    def _remove_oldest(self, max_bytes: float) -> None:
        """Room is made first: to write it down may need some."""
        found = self._found()
        sizes = {number: _size_of(path) for number, path in found.items()}
        total = sum(sizes.values())
        for number in list(sizes)[:-1]:
            if total <= max_bytes:
                return
            found[number].unlink(missing_ok=True)
            total -= sizes[number]
            self._account.removed_frames += self._account.frames.pop(str(number), 0)
            self._account.removed_parts = number

    def _found(self) -> dict[int, Path]:
        """Parts that are there, by number, oldest first."""
        found = {}
        for path in self._first.parent.iterdir():
            match = self._number.fullmatch(path.name)
            if match is not None:
                found[int(match[1] or 1)] = path
        return dict(sorted(found.items()))

    def _number_of(self, path: Path) -> int | None:
        """Of a part; None if it is gone."""
        return next((number for number, part in self._found().items() if part == path), None)

    def _path(self, number: int) -> Path:
        name = self._first
        return name if number == 1 else name.with_name(f"{name.stem}.part{number}{name.suffix}")

    def _read(self) -> _Account:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self._note.read_bytes(), type=_Account)
        return _Account()

    def _write(self) -> None:
        partial = self._note.with_name(f"{self._note.name}.partial")
        partial.write_bytes(msgspec.json.encode(self._account))
        partial.replace(self._note)


def _size_of(path: Path) -> int:
    """0 for a part that somebody has removed meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
