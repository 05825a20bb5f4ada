"""`results.jsonl`: one JSON object a line, each region exactly once, whatever is killed."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.sinks.base import Key, NoRoomError, Record, Sink, is_no_room, key_of
from pipeline.sinks.line_file import LineFile
from pipeline.sinks.result_lines import cut_partial_line, read_records

_SYNC_INTERVAL_S = 1.0
"""A power cut may cost this much; a killed process costs nothing."""


class JsonlSink(Sink):
    """Appends lines; on opening cuts a half-written last line and reports what the file holds.

    A disk that is full makes it wait, and the hub with it: no line is ever lost.
    """

    def __init__(self, out: Path, options: dict[str, Any]) -> None:
        super().__init__(out, options)
        self.path = out / str(options.get("file", "results.jsonl"))
        self._encoder = msgspec.json.Encoder()
        self._file: LineFile | None = None

    def open(self, offset: int) -> dict[str, Key]:
        """Cut the partial last line, if any, and find the last key of each source."""
        self.path.touch()
        cut_partial_line(self.path)
        last: dict[str, Key] = {}
        for record in read_records(self.path, offset):
            last[record["source"]] = key_of(record)
        self._file = LineFile(self.path)
        return last

    def write(self, records: Sequence[Record]) -> None:
        """Append one line a record: all of them or none."""
        assert self._file is not None, "write before open"
        with self._waiting_for_room():
            self._file.append(b"".join(self._encoder.encode(record) + b"\n" for record in records))

    def flush(self) -> int:
        """The operating system has the lines; the disk gets them once a second."""
        assert self._file is not None, "flush before open"
        with self._waiting_for_room():
            self._file.sync(at_least_s=_SYNC_INTERVAL_S)
        return self._file.size

    def close(self) -> None:
        """Everything reaches the disk."""
        if self._file is not None:
            with self._waiting_for_room():
                self._file.sync(at_least_s=0.0)
            self._file.close()
            self._file = None

    @contextlib.contextmanager
    def _waiting_for_room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if is_no_room(error):
                raise NoRoomError(
                    f"{self.path.name}: {error.strerror}; results wait until there is room"
                ) from error
            raise
