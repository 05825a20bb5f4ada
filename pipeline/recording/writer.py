"""Appends to the recording of a run: segments of bounded size, and a disk that may be full."""

import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgpack
import msgspec

from pipeline.recording.repair import repair
from pipeline.recording.segments import TELEMETRY, segments_of
from pipeline.snapshot import Snapshot

SEGMENTS: Final = 8
"""A recording at its limit consists of so many, so an eighth of it goes at a time."""
RETRY_S: Final = 30.0
"""How often a recording that found no room looks again."""
_HEADS: Final = 4
"""A segment is at least so many times as long as what it begins with."""
_BUFFER_BYTES: Final = 64 << 10

log = logging.getLogger(__name__)

Head = Callable[[], list[dict[str, Any]]]


class Recording:
    """Appends records to `telemetry.mpk`: every policy, batch, audit and snapshot.

    A segment begins with what makes it readable by itself. A disk that is full costs records, which
    are counted, and never the run; once there is room the recording goes on. A file that somebody
    removes or replaces meanwhile begins anew.

    Args:
        out: Folder of the run.
        head: What a segment begins with, as things stand when it is called.
        max_bytes: Of all segments together, about; None is no limit.

    Attributes:
        lost: Records that found no room.

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(self, out: Path, *, head: Head, max_bytes: int | None = None) -> None:
        self._out = out
        self._head = head
        self._max_bytes = max_bytes
        self.lost = 0
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._head_bytes = 0
        self._is_broken = False
        self._retry_at_s: float | None = None
        self._lost_before = 0
        self._words: list[str] = []
        repair(out)
        self._descriptor = self._open()

    def begin(self) -> None:
        """Write the head; what is noted then follows from it."""
        try:
            self._append_head()
        except OSError as error:
            self._break_off(error)

    def policy(
        self,
        version: int,
        body: dict[str, Any],
        rows: dict[str, dict[str, Any]],
        *,
        by_hand: bool = False,
    ) -> None:
        """A policy that is now in force.

        Args:
            version: Its number in the run.
            body: What decides.
            rows: By source, what decides there instead.
            by_hand: A person chose it, so recomputing the adapter does not find it.
        """
        self.note(policy_record(version, body, rows, by_hand=by_hand))

    def snapshot(self, snapshot: Snapshot) -> None:
        """The state of the run."""
        body = msgspec.to_builtins(snapshot)
        del body["log"]  # the log is a file of its own
        self.note({"kind": "snapshot", "snapshot": body})

    def note(self, body: dict[str, Any]) -> None:
        """Any other record."""
        if self._is_broken:
            self.lost += 1
            return
        packed = _packed(body)
        self._pending.append(packed)
        self._pending_bytes += len(packed)
        if self._pending_bytes >= _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand the records to the operating system: all of them, or none."""
        records, self._pending, self._pending_bytes = self._pending, [], 0
        if not records:
            return
        try:
            self._append(b"".join(records))
        except OSError as error:
            self._break_off(error)
            self.lost += len(records)

    def settle(self, now_s: float) -> None:
        """Begin a new segment if the last is long enough, or look whether there is room again.

        To be called when all that the adapter has learned from is noted: a head says where it
        stands.

        Args:
            now_s: Any clock that only goes forward.
        """
        self._find_again()
        self.flush()
        if self._is_broken:
            self._retry_at_s = now_s + RETRY_S if self._retry_at_s is None else self._retry_at_s
            if now_s >= self._retry_at_s:
                self._go_on()
        elif self._max_bytes is not None and self._size >= self._least_segment(self._max_bytes):
            self._next_segment(self._max_bytes)

    def take_words(self) -> list[str]:
        """What a person should know, once."""
        words, self._words = self._words, []
        return words

    def close(self) -> None:
        """No record follows."""
        self._find_again()
        self.flush()
        os.close(self._descriptor)

    def _least_segment(self, max_bytes: int) -> int:
        return max(max_bytes // SEGMENTS, _HEADS * self._head_bytes)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._out / TELEMETRY, flags, 0o666)
        self._size = os.fstat(descriptor).st_size
        return descriptor

    def _reopen(self) -> None:
        descriptor = self._open()
        os.close(self._descriptor)
        self._descriptor = descriptor

    def _find_again(self) -> None:
        """Go on in a new file where the old one is not at its place any more, or not as it was."""
        if self._is_broken or self._is_at_its_place():
            return
        self._words.append(f"{TELEMETRY}: somebody removed or changed it; it begins anew")
        try:
            repair(self._out)
            self._reopen()
            self._append(_packed({"kind": "gap", "records": 0}))  # nobody knows how many
            self.flush()  # before the head, which says where things stand behind it
            if not self._is_broken:
                self._append_head()
        except OSError as error:
            self._break_off(error)
            self.lost += len(self._pending)
            self._pending, self._pending_bytes = [], 0

    def _is_at_its_place(self) -> bool:
        held = os.fstat(self._descriptor)
        try:
            there = (self._out / TELEMETRY).stat()
        except OSError:
            return False
        return os.path.samestat(held, there) and there.st_size == self._size

    def _next_segment(self, max_bytes: int) -> None:
        try:
            segments_of(self._out).set_aside()
            self._reopen()
            segments_of(self._out).remove_oldest(max_bytes - self._least_segment(max_bytes))
            self._append_head()
        except OSError as error:
            self._break_off(error)

    def _break_off(self, error: OSError) -> None:
        self._is_broken, self._retry_at_s = True, None
        self._lost_before = self.lost
        self._words.append(
            f"{TELEMETRY}: {error.strerror}; nothing is recorded until it can be written again, "
            "the run goes on"
        )

    def _go_on(self) -> None:
        """Try once more; a person may have removed the file meanwhile to make room."""
        missing = self.lost - self._lost_before
        self._retry_at_s = None
        try:
            self._reopen()
            self._append_head({"kind": "gap", "records": missing})
        except OSError:
            return
        self._is_broken = False
        log.info("%s: goes on; %d records found no room", TELEMETRY, missing)

    def _append_head(self, *first: dict[str, Any]) -> None:
        packed = [_packed(body) for body in (*first, *self._head())]
        self._head_bytes = sum(map(len, packed))
        self._append(b"".join(packed))

    def _append(self, data: bytes) -> None:
        """Write all of it; if that fails, what was written of it is taken back."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)


def policy_record(
    version: int, body: dict[str, Any], rows: dict[str, dict[str, Any]], *, by_hand: bool = False
) -> dict[str, Any]:
    """What a recording keeps of a policy that is in force; see `Recording.policy`."""
    chosen = {"by_hand": True} if by_hand else {}
    return {"kind": "policy", "version": version, "body": body, "rows": rows, **chosen}


def _packed(body: dict[str, Any]) -> bytes:
    packed: bytes = msgpack.packb({"time_s": time.time(), **body})
    return packed
