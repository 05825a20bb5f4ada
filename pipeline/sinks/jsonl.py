"""`results.jsonl`: one JSON object a line, each region exactly once, whatever is killed."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.config import MEGABYTE
from pipeline.sinks.base import Key, NoRoomError, Record, Sink, is_no_room, key_of
from pipeline.sinks.line_file import LineFile
from pipeline.sinks.progress import Scan
from pipeline.sinks.result_lines import cut_partial_line, read_records
from pipeline.sinks.result_parts import ResultParts, read_held, recover, scan_results

log = logging.getLogger(__name__)

_SYNC_INTERVAL_S = 1.0
"""A power cut may cost this much; a killed process costs nothing."""


class JsonlSink(Sink):
    """Appends lines; on opening cuts a half-written last line and reports what the file holds.

    A disk that is full makes it wait, and the hub with it: no line is ever lost. With a limit the
    file begins anew now and then, and the oldest part goes.
    """

    def __init__(self, out: Path, options: dict[str, Any]) -> None:
        super().__init__(out, options)
        self.path = out / str(options.get("file", "results.jsonl"))
        self._encoder = msgspec.json.Encoder()
        self._file: LineFile | None = None
        max_mb = options.get("max_mb")
        self._parts = ResultParts(self.path, int(max_mb * MEGABYTE)) if max_mb else None
        self._held = Scan()
        """What all parts hold; only kept where there may be several."""

    def open(self, offset: int) -> dict[str, Key]:
        """Cut the partial last line, if any, and find the last key of each source."""
        recover(self.path)
        self.path.touch()
        cut_partial_line(self.path)
        if self._parts is None:
            keys = {} if offset > 0 else dict(read_held(self.path).keys)
            for record in read_records(self.path, offset):
                keys[record["source"]] = key_of(record)
        else:
            # An offset may be of a part that has been set aside since.
            self._held = scan_results(self.path)
            self._parts.opened()
            keys = dict(self._held.keys)
        self._file = LineFile(self.path)
        return keys

    def write(self, records: Sequence[Record]) -> None:
        """Append one line a record: all of them or none."""
        assert self._file is not None, "write before open"
        with self._waiting_for_room():
            self._begin_part_if_due(self._file)
            self._file.append(b"".join(self._encoder.encode(record) + b"\n" for record in records))
        if self._parts is not None:
            for record in records:
                self._held.take(record)

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

    def _begin_part_if_due(self, file: LineFile) -> None:
        """A stop stays in the part that grows, where whoever goes on takes it back."""
        if self._parts is None or not self._parts.is_due(file.size) or self._held.is_stopped:
            return
        file.sync(at_least_s=0.0)
        if not self._parts.begin(self._held):
            return
        file.close()
        self._file = LineFile(self.path)
        for removed in self._parts.remove_oldest():
            log.info("%s: removed, it was the oldest and the limit was reached", removed.name)

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
