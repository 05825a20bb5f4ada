"""`results.jsonl` in parts, of which the oldest may go.

Each part but the first begins with a line that says what those before it held. Whoever goes on with
a run needs the part that grows and no other.
"""

import contextlib
import logging
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
from pipeline.sinks.base import Record, is_no_room
from pipeline.sinks.progress import Progress, Scan
from pipeline.sinks.result_lines import MAX_LINE_BYTES, decode_line, is_head, read_records

log = logging.getLogger(__name__)

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
        """A part whose lines are so long together is set aside."""
        self._number, self._head_bytes = 1, 0
        self._has_said = False

    def is_due(self, size: int) -> bool:
        """Whether the part that grows, of so many bytes, is long enough."""
        return size - self._head_bytes >= self.part_bytes

    def opened(self) -> None:
        """The part that grows is there: learn its number."""
        line = _first_line(self._series.path)
        head = _head_of(line, self._series.path)
        self._number = 1 if head is None else head.part
        self._head_bytes = 0 if head is None else len(line)

    def begin(self, held: Scan) -> bool:
        """Set the part that grows aside, and begin the next one.

        Wherever a death breaks it off, `recover` finds one part that grows, and every line once.

        Args:
            held: What all parts up to now hold.

        Returns:
            False if there is no room, or more to say than a line can: all stays as it was.

        Raises:
            OSError: Another error of the disk; `recover` has to be called.
        """
        path, coming = self._series.path, _coming(self._series.path)
        number = max(self._number, self._series.next_number())
        line = _head_line(number + 1, held)
        if len(line) > MAX_LINE_BYTES:
            self._say_once(f"{path.name}: too many sources for parts; it grows on")
            return False
        try:
            _write_durably(coming, line)
            aside = self._series.set_aside(number)
        except OSError as error:
            coming.unlink(missing_ok=True)
            if is_no_room(error):
                return False
            raise
        try:
            coming.rename(path)
        except OSError as error:
            aside.rename(path)
            coming.unlink(missing_ok=True)
            if is_no_room(error):
                return False
            raise
        self._number, self._head_bytes = number + 1, len(line)
        with contextlib.suppress(OSError):  # the parts are right, if not yet durable
            _sync_folder(path.parent)
        return True

    def _say_once(self, words: str) -> None:
        if not self._has_said:
            log.warning("%s", words)
        self._has_said = True

    def remove_oldest(self) -> list[Path]:
        """Remove what is beyond the limit; returns what that was."""
        return self._series.remove_oldest(self._max_bytes - self.part_bytes)


def recover(path: Path) -> None:
    """Take back a part whose beginning broke off: the one before it grows on.

    Args:
        path: Of the part that grows.
    """
    older = FileSeries(path).paths()
    if older and not path.exists():
        older[-1].rename(path)
    _coming(path).unlink(missing_ok=True)


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
    head = _head_of(_first_line(path), path)
    if head is None:
        return Scan()
    try:
        held = msgspec.convert(head.held, Scan)
        for end in held.ends():
            decode_line(msgspec.json.encode(end), path)
    except (ValueError, RecursionError, msgspec.DecodeError, ConfigError) as error:
        raise _damaged(path, error) from error
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


def _head_line(number: int, held: Scan) -> bytes:
    body = msgspec.to_builtins(held)
    head = PartRecord(event=PART_EVENT, schema=SCHEMA_VERSION, part=number, held=body)
    return msgspec.json.encode(head) + b"\n"


def _first_line(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.readline(MAX_LINE_BYTES + 1)


def _head_of(line: bytes, path: Path) -> PartRecord | None:
    if not is_head(line):
        return None
    try:
        return msgspec.json.decode(line, type=PartRecord)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ConfigError:
    return ConfigError(
        f"{path}: expected its first line to say what earlier parts hold, it does not ({error}); "
        "the parts before it are whole"
    )


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
