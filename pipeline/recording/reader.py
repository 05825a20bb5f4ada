"""From the files of a recording to its records, as far as they can be read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgpack
import msgspec

from pipeline.errors import ConfigError, UserError
from pipeline.recording.record_check import check_record
from pipeline.recording.segments import TELEMETRY, segment_paths
from pipeline.snapshot import Snapshot, require_sound

Record = dict[str, Any]
"""Has `kind` and `time_s` (Unix time) at least, and what `record_check` asks of its kind."""

_MAX_RECORD_BYTES: Final = 80 << 20
"""The state of an adapter may take 64 MB; more is damage that looks like a length."""


_MAX_ITEMS: Final = 1 << 20
"""Of one list or map."""


class DamagedError(UserError):
    """A segment cannot be read behind some byte."""


class CutError(DamagedError):
    """The last record of a segment is not whole: its writer was killed."""


class RecordedRun:
    """The recording of a run, read record by record; memory does not grow with its length.

    Args:
        folder: Of the run, which may still be going on.

    Attributes:
        complaints: What could not be read, a line each; grows while records are taken.
        bytes_read: So far, for progress.

    Raises:
        ConfigError: The folder holds no recording.
    """

    def __init__(self, folder: Path) -> None:
        self.paths = segment_paths(folder)
        if not self.paths:
            raise ConfigError(
                f"expected the folder of a run, {folder} holds no {TELEMETRY}; "
                "`run --out` names such a folder"
            )
        self.complaints: list[str] = []
        self.bytes_read = 0

    @property
    def size_bytes(self) -> int:
        """Of all segments."""
        return sum(path.stat().st_size for path in self.paths if path.exists())

    def records(self) -> Iterator[Record]:
        """Yield every record in order; behind damage, what follows is the next segment."""
        for path in self.paths:
            before = self.bytes_read
            try:
                for record, end in _records(path):
                    self.bytes_read = before + end
                    yield record
            except DamagedError as error:
                self.complaints.append(str(error))
            except FileNotFoundError:
                self.complaints.append(f"{path}: was removed meanwhile, to make room")

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield the states of the run in order; the log, a file of its own, is not in them."""
        refused = 0
        for record in self.records():
            if record["kind"] == "snapshot":
                snapshot = to_snapshot(record)
                if snapshot is not None:
                    yield snapshot
                refused += snapshot is None
        if refused:
            self.complaints.append(f"{refused} snapshots are of another version and were left out")


def read_segment(path: Path) -> Iterator[Record]:
    """Yield the records of one segment.

    Raises:
        DamagedError: It cannot be read any further.
    """
    for record, _ in _records(path):
        yield record


def whole_bytes(path: Path) -> int:
    """Where the last whole record of a segment ends.

    Raises:
        DamagedError: It is damaged before its end.
    """
    end = 0
    try:
        for _, behind in _records(path):
            end = behind
    except CutError:
        return end
    return end


def to_snapshot(record: Record) -> Snapshot | None:
    """The state of the run in a record of kind `snapshot`; None if another version wrote it."""
    body = record.get("snapshot")
    if not isinstance(body, dict):
        return None
    try:
        snapshot = msgspec.convert({"log": [], **body}, Snapshot)
        require_sound(snapshot)
    except (ValueError, msgspec.ValidationError):
        return None
    return snapshot


def _records(path: Path) -> Iterator[tuple[Record, int]]:
    """Records, and the byte behind each."""
    end = 0
    with path.open("rb") as stream:
        unpacker = msgpack.Unpacker(
            stream,
            raw=False,
            max_buffer_size=_MAX_RECORD_BYTES,
            max_array_len=_MAX_ITEMS,
            max_map_len=_MAX_ITEMS,
        )
        try:
            for record in unpacker:
                check_record(record)
                end = unpacker.tell()
                yield record, end
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise DamagedError(f"{path}: damaged behind byte {end:,}: {error}") from error
        left = stream.tell() - end
    if left:
        raise CutError(f"{path}: the last {left:,} bytes are no whole record")
