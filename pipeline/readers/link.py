"""What is known of a live source's connection: shared by the thread that reads and its watch."""

import threading

from pipeline.messages import LinkAccount, ReaderState


class LinkTrack:
    """Counts gaps and reconnects, and says how long the reader has been stuck.

    Args:
        account: Where an earlier reader of this source left off.
        last_picture_s: When the source gave its last picture, on a monotonic clock; None before
            there was one, or if that is not known.
        resumes: There was a picture before, and this is another reader: a gap is open.
    """

    def __init__(
        self,
        account: LinkAccount | None = None,
        *,
        last_picture_s: float | None = None,
        resumes: bool = False,
    ) -> None:
        begin = account or LinkAccount()
        self._lock = threading.Lock()
        self._gaps, self._reconnects = begin.gaps, begin.reconnects
        self._gap_s, self._longest_s = begin.gap_s, begin.longest_gap_s
        self._clock_jumps = begin.clock_jumps
        self._last_picture_s = last_picture_s
        self._has_given = resumes
        self._is_connected = False
        self._marks: tuple[int, ...] = ()
        self._moved_s: float | None = None
        self.trouble: str | None = None
        """Why there are no pictures now."""
        if resumes:
            self.trouble = "its reader was restarted"
            self._open_gap()

    # --- the reading thread -----------------------------------------------------------------------

    def came(self, now_s: float) -> float | None:
        """A picture has come; the seconds without one if it ends a gap, None otherwise.

        Args:
            now_s: When, on a monotonic clock.
        """
        with self._lock:
            began_s, self._last_picture_s = self._last_picture_s, now_s
            if self._is_connected:
                return None
            self._is_connected = self._has_given = True
            self.trouble = None
            if self._gaps == self._reconnects:
                return None
            self._reconnects += 1
            length_s = 0.0 if began_s is None else max(0.0, now_s - began_s)
            self._gap_s += length_s
            self._longest_s = max(self._longest_s, length_s)
            return length_s

    def lost(self, reason: str) -> None:
        """The connection has ended, or could not be made."""
        with self._lock:
            self.trouble = reason
            self._is_connected = False
            if self._has_given:
                self._open_gap()

    def jumped(self, times: int) -> int:
        """The camera's clock has jumped so often; returns how often in all."""
        with self._lock:
            self._clock_jumps += times
            return self._clock_jumps

    def _open_gap(self) -> None:
        if self._gaps == self._reconnects:
            self._gaps += 1

    # --- its watch --------------------------------------------------------------------------------

    @property
    def account(self) -> LinkAccount:
        """So far."""
        with self._lock:
            return LinkAccount(
                self._gaps,
                self._reconnects,
                round(self._gap_s, 3),
                round(self._longest_s, 3),
                self._clock_jumps,
            )

    @property
    def state(self) -> ReaderState:
        """Of the connection."""
        with self._lock:
            if self._is_connected:
                return "running"
            return "starting" if self.trouble is None else "reconnecting"

    def stuck_s(self, marks: tuple[int, ...] | None, now_s: float) -> float:
        """How long the reader has been inside one call without anything coming of it.

        Args:
            marks: Anything that changes when it makes progress; None while it is not inside.
            now_s: On a monotonic clock.
        """
        if marks is None or self._moved_s is None or marks != self._marks:
            self._marks, self._moved_s = marks or (), now_s
        return now_s - self._moved_s
