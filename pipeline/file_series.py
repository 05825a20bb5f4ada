"""A file that begins anew when it is large, and the older ones, which carry a number.

`telemetry.mpk` grows; before it there were `telemetry.000001.mpk`, `telemetry.000002.mpk`, and so
on. The oldest may be gone.
"""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FileSeries:
    """The files of one series, as they lie in their folder now.

    Attributes:
        path: of the one that grows.
    """

    path: Path

    def paths(self) -> list[Path]:
        """Every file that is there, oldest first."""
        return list(self.numbered().values())

    def numbered(self) -> dict[int, Path]:
        """Every file that is there by its number, rising; the one that grows has none to its name.

        A number stays when its file is set aside.
        """
        found = self._older()
        if self.path.exists():
            found[max(found, default=0) + 1] = self.path
        return found

    def next_number(self) -> int:
        """Of the one that grows, once it is set aside; the first is 1."""
        return 1 + max(self._older(), default=0)

    def path_of(self, number: int) -> Path:
        """Of one that is set aside."""
        return self.path.with_name(f"{self.path.stem}.{number:06}{self.path.suffix}")

    def set_aside(self, number: int | None = None) -> Path:
        """Give the one that grows a number, so that a new one can begin.

        Args:
            number: Not yet taken; None is the next one.

        Returns:
            Its new path.
        """
        path = self.path_of(self.next_number() if number is None else number)
        self.path.rename(path)
        return path

    def remove_oldest(self, max_bytes: int) -> list[Path]:
        """Remove what is set aside, oldest first, until the rest fits; the newest of it stays.

        Returns:
            What was removed.
        """
        sizes = {path: _size_of(path) for path in self._older().values()}
        total, removed = sum(sizes.values()), []
        for path in list(sizes)[:-1]:
            if total <= max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= sizes[path]
            removed.append(path)
        return removed

    def _older(self) -> dict[int, Path]:
        name = re.compile(rf"{re.escape(self.path.stem)}\.(\d{{6,}}){re.escape(self.path.suffix)}")
        matches = ((name.fullmatch(each.name), each) for each in _listed(self.path.parent))
        found = {int(match[1]): each for match, each in matches if match is not None}
        return dict(sorted(found.items()))


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _size_of(path: Path) -> int:
    """0 for a file that somebody has removed meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
