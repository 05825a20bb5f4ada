"""Keeps a live source open: whenever its connection ends, another one is made, for ever."""

import logging
import time
from collections.abc import Callable, Iterator

from pipeline.errors import SourceError
from pipeline.readers.backoff import Backoff
from pipeline.readers.base import Frame, Reader, ResumePoint, Wait
from pipeline.readers.link import LinkTrack
from pipeline.redact import redact

log = logging.getLogger(__name__)


class KeptOpen:
    """Frames of a live reader across all its connections.

    They are numbered through. What was not seen is not made up: a new connection is another
    `part`, and source time goes on by as much as passed without pictures.

    Args:
        reader: Of the source; its `frames` is called again after its `close`.
        link: Is told what happens.
        wait: Sleeps between two tries; True ends it all.
        backoff: How long to sleep.
        clock: Seconds, monotonic; the one frames are stamped with.
    """

    def __init__(
        self,
        reader: Reader,
        link: LinkTrack,
        wait: Wait,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._link = link
        self._wait = wait
        self._backoff = backoff
        self._clock = clock
        self._last: ResumePoint | None = None
        self._part = 0
        self._skipped_before = self._corrupt_before = self._jumps_told = 0
        self._turns = 0
        self._is_reading = False
        self._tries = 0
        self._described = ""

    @property
    def left_out(self) -> tuple[int, int]:
        """Frames skipped and packets corrupt so far, all connections together."""
        reader = self._reader
        return self._skipped_before + reader.skipped, self._corrupt_before + reader.corrupt

    def stuck_s(self) -> float:
        """How long the reader has not come back from one call with anything."""
        marks = (self._turns, *self.left_out) if self._is_reading else None
        return self._link.stuck_s(marks, self._clock())

    def frames(self, resume: ResumePoint | None = None) -> Iterator[Frame]:
        """Yield frames until `wait` says stop, or the reader says that it is `complete`.

        Raises:
            ConfigError: The source is not what it was taken for.
        """
        self._last = resume
        while True:
            began_s: float | None = None
            try:
                for frame in self._connection():
                    began_s = self._clock() if began_s is None else began_s
                    yield frame
                reason = self._reader.end_reason
            except SourceError as error:
                reason = str(error)
            finally:
                self._is_reading = False
                self._reader.close()
            if reason == "complete":
                return
            self._settle()
            held_s = 0.0 if began_s is None else self._clock() - began_s
            if self._pause(redact(reason), held_s):
                return

    def _connection(self) -> Iterator[Frame]:
        shift_s: float | None = None
        part = self._part
        for frame in self._turn_by_turn(self._reader.frames(self._last)):
            gap_s = self._link.came(frame.captured_mono_ns / 1e9)
            if shift_s is None:
                shift_s = self._began(frame, gap_s)
            self._tell_jumps()
            frame.pts_s += shift_s
            frame.part += part
            frame.skipped += self._skipped_before
            frame.corrupt += self._corrupt_before
            self._last = ResumePoint(frame.index, frame.pts_s)
            self._part = frame.part + 1
            yield frame

    def _turn_by_turn(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Note when the reader is asked and when it is not: only then can it be stuck."""
        while True:
            self._is_reading = True
            frame = next(frames, None)
            self._is_reading = False
            self._turns += 1
            if frame is None:
                return
            yield frame

    def _began(self, frame: Frame, gap_s: float | None) -> float:
        """The first picture of a connection is there; how much later its source time is."""
        self._report(gap_s)
        self._tries = 0
        if gap_s is None or self._last is None:
            return 0.0
        return max(0.0, self._last.pts_s + gap_s - frame.pts_s)

    def _settle(self) -> None:
        """Take over the account of the connection that has ended."""
        self._tell_jumps()
        self._skipped_before, self._corrupt_before = self.left_out
        self._reader.skipped = self._reader.corrupt = self._reader.clock_jumps = 0
        self._jumps_told = 0

    def _tell_jumps(self) -> None:
        if self._reader.clock_jumps != self._jumps_told:
            new = self._reader.clock_jumps - self._jumps_told
            self._jumps_told = self._reader.clock_jumps
            jumps = self._link.jumped(new)
            if _is_power_of_two(jumps):
                log.warning("the camera's clock has jumped (%d so far); source time goes on", jumps)

    # --- between two connections ------------------------------------------------------------------

    def _pause(self, reason: str, held_s: float) -> bool:
        self._link.lost(reason)
        delay_s = self._backoff.next(held_s)
        self._tries += 1
        if _is_power_of_two(self._tries):
            log.warning("%s; try %d in %.1f s", reason, self._tries, delay_s)
        return self._wait(delay_s)

    def _report(self, gap_s: float | None) -> None:
        what = self._reader.description
        if gap_s is not None:
            log.info("pictures again, after %.1f s without", gap_s)
        if what and what != self._described:
            log.info("plays %s", what)
        self._described = what


def _is_power_of_two(count: int) -> bool:
    """Said once, twice, four times ...: a camera that is away for a month does not fill a disk."""
    return count & (count - 1) == 0
