"""`results.jsonl` in parts, of which the oldest may go.

Each part but the first begins with a line that says what those before it held. Whoever goes on with
a run needs the part that grows and no other.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from pipeline.config import MEGABYTE
from pipeline.errors import ConfigError
from pipeline.file_series import FileSeries
from pipeline.messages import SCHEMA_VERSION
from pipeline.results import PART_EVENT, PartRecord
from pipeline.sinks.base import Record
from pipeline.sinks.progress import Progress, Scan
from pipeline.sinks.result_lines import MAX_LINE_BYTES, decode_line, is_head, read_records

_PARTS_AT_LIMIT: Final = 8
"""An eighth goes at a time."""
_LARGEST_PART_BYTES: Final = 64 * MEGABYTE
"""It is read anew when its sink is started again, which takes a second."""


class ResultParts:
    """The parts of one file.

    Args:
        path: Of the part that grows.
        max_bytes: Of all parts together, about.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._series = FileSeries(path)
        self._max_bytes = max_bytes
        self.part_bytes = min(max_bytes // _PARTS_AT_LIMIT, _LARGEST_PART_BYTES)
        """A part that is so long is set aside."""

    def begin(self, held: Scan) -> bool:
        """Set the part that grows aside, begin the next one, remove the oldest.

        Wherever it breaks off, `recover` finds one part that grows, and every line once.

        Args:
            held: What all parts up to now hold.

        Returns:
            False if there is more to say of them than a line can, and all stays as it was.

        Raises:
            OSError: It could not be done; all is as it was, or `recover` has to be called.
        """
        path, coming = self._series.path, _coming(self._series.path)
        head = PartRecord(
            event=PART_EVENT,
            schema=SCHEMA_VERSION,
            part=self._series.next_number() + 1,
            held=msgspec.to_builtins(held),
        )
        line = msgspec.json.encode(head) + b"\n"
        if len(line) > MAX_LINE_BYTES:
            return False
        try:
            _write_durably(coming, line)
        except OSError:
            with contextlib.suppress(OSError):
                coming.unlink(missing_ok=True)
            raise
        self._series.set_aside()
        coming.rename(path)
        _sync_folder(path.parent)
        return True

    def remove_oldest(self) -> list[Path]:
        """Remove what is beyond the limit; returns what that was."""
        return self._series.remove_oldest(self._max_bytes - self.part_bytes)


def recover(path: Path) -> None:
    """Finish or take back a part whose beginning broke off.

    Args:
        path: Of the part that grows.
    """
    coming = _coming(path)
    if not coming.exists():
        return
    if path.exists():
        coming.unlink()  # nothing was set aside yet
    else:
        coming.rename(path)


def scan_results(path: Path) -> Scan:
    """What all parts hold, by the one that grows.

    Raises:
        ConfigError: A line is damaged.
    """
    held = read_held(path)
    for record in read_records(path, 0):
        held.take(record)
    return held


def scan_progress(path: Path) -> dict[str, Progress]:
    """How far each source has come in an unfinished `results.jsonl`, for `run --resume`.

    Raises:
        ConfigError: A line is damaged.
    """
    return scan_results(path).sources


def read_held(path: Path) -> Scan:
    """What the parts before this one hold.

    Raises:
        ConfigError: Its first line is damaged.
    """
    with path.open("rb") as stream:
        line = stream.readline(MAX_LINE_BYTES + 1)
    if not is_head(line):
        return Scan()
    try:
        held = msgspec.convert(msgspec.json.decode(line, type=PartRecord).held, Scan)
        for end in held.ends():
            decode_line(msgspec.json.encode(end), path)
    except (ValueError, RecursionError, msgspec.DecodeError, ConfigError) as error:
        raise ConfigError(
            f"{path}: expected its first line to say what earlier parts hold, got {line[:40]!r} "
            f"({error}); the parts before it are whole"
        ) from error
    return held


def read_all_records(path: Path) -> Iterator[Record]:
    """Whole records of every part that is still there, oldest first.

    Args:
        path: Of the part that grows.

    Raises:
        ConfigError: A line is damaged.
    """
    for part in FileSeries(path).paths():
        yield from read_records(part, 0)


def _coming(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
