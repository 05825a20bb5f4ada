"""A reader's logic: what is kept, what is dropped and why, while the pipeline has no room."""

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pipeline.config import OnFull
from pipeline.messages import Counters

_BLOCK_CAPACITY = 16
"""Frames decoded ahead where nothing is dropped; a file that sends groups may be ahead further."""
_GROUPS_AHEAD = 2
_LIVE_CAPACITY = 8
_GROUP_AGE_NS = 150_000_000
"""No frame waits longer for others to travel with it."""


class Held(Protocol):
    """What the buffer needs to know of a frame, or of what was made of it."""

    captured_mono_ns: int
    skipped: int
    corrupt: int


H = TypeVar("H", bound=Held)


@dataclass(frozen=True, slots=True)
class Taken(Generic[H]):
    """Frames to send, with the account that ends with the last of them."""

    frames: list[H]
    counters: Counters


class FrameBuffer(Generic[H]):
    """Between the thread that decodes and the one that sends.

    With `block` the decoder waits; otherwise it goes on and a frame is dropped by policy, before
    anything is spent on cropping it. The account covers settled frames only: sent or dropped.

    Args:
        on_full: What happens to a frame when there is no room.
        max_age_s: A frame that has waited longer is dropped when its turn comes.
        counters: The account where an earlier reader of this source left off.
        is_live: A live source counts what it skips from its own start, a recorded one from the
            source's; corrupt packets are counted from the reader's start by both.
        group: So many frames travel together if they come fast enough; every message and every
            hand-over between threads costs as much for one frame as for several.
        wake: Called when the sending thread has something to do.
    """

    def __init__(
        self,
        on_full: OnFull,
        *,
        max_age_s: float | None = None,
        counters: Counters | None = None,
        is_live: bool = False,
        group: int = 1,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        start = counters if counters is not None else Counters()
        self._on_full = on_full
        self._max_age_ns = None if max_age_s is None else int(max_age_s * 1e9)
        self._capacity = {"block": _BLOCK_CAPACITY, "latest": 1}.get(on_full, _LIVE_CAPACITY)
        if group > 1:
            self._capacity = max(self._capacity, _GROUPS_AHEAD * group)
        self._held: deque[H] = deque()
        self._captured = start.captured
        self._dropped = Counter(start.dropped)
        self._skipped_before = start.skipped if is_live else 0
        self._corrupt_before = start.corrupt
        self._skipped, self._corrupt = start.skipped, start.corrupt
        self._room = threading.Condition()
        self._group = group
        self._wake = wake
        self._stopped = False
        self._end: str | None = None
        self._failure: BaseException | None = None

    # --- the decoding thread ----------------------------------------------------------------------

    def put(self, frame: H) -> bool:
        """Hand over a frame; False when nobody wants any more."""
        with self._room:
            while self._on_full == "block" and self._is_full and not self._stopped:
                self._room.wait()
            if self._stopped:
                return False
            self._note(frame.skipped, frame.corrupt)
            self._make_room(frame)
            is_group = len(self._held) % self._group == 0
        if is_group:
            self._wake()
        return True

    def wait_stopped(self, seconds: float) -> bool:
        """Sleep; True when reading must stop."""
        with self._room:
            return self._room.wait_for(lambda: self._stopped, timeout=seconds)

    def finish(
        self,
        reason: str,
        *,
        left_out: tuple[int, int] | None = None,
        failure: BaseException | None = None,
    ) -> None:
        """No frame follows.

        Args:
            reason: `complete`, or what broke off.
            left_out: Skipped and corrupt in all, with those after the last frame.
            failure: What broke the decoding thread.
        """
        with self._room:
            if self._stopped:
                return
            if left_out is not None:
                self._note(*left_out)
            self._end, self._failure = reason, failure
        self._wake()

    # --- the sending thread -----------------------------------------------------------------------

    def is_ripe(self, now_ns: int, room: int) -> bool:
        """Whether frames that are held should travel, given the hub's room for so many.

        They should when they are a group, fill that room, are the last, or have waited.
        """
        with self._room:
            if not self._held or not room:
                return False
            return (
                len(self._held) >= min(self._group, room)
                or self._end is not None
                or now_ns - self._held[0].captured_mono_ns >= _GROUP_AGE_NS
            )

    def take(self, now_ns: int, room: int) -> Taken[H] | None:
        """The next frames worth sending, at most `room` and at most a group of them."""
        taken: list[H] = []
        with self._room:
            while self._held and len(taken) < min(room, self._group):
                frame = self._held.popleft()
                self._captured += 1
                if self._is_stale(frame, now_ns):
                    self._dropped["max_age"] += 1
                else:
                    taken.append(frame)
            self._room.notify_all()
            if not taken:
                return None
            last = taken[-1]
            return Taken(
                taken,
                self._counters(
                    self._skipped_before + last.skipped, self._corrupt_before + last.corrupt
                ),
            )

    def stop(self) -> None:
        """Capture no more; frames still held were never accepted and are forgotten.

        What the decoding thread says from now on does not count: that it has come to an end is
        this call's doing.
        """
        with self._room:
            if self._end is None or self._held:
                self._end = "stopped"
            self._stopped = True
            self._held.clear()
            self._room.notify_all()

    @property
    def counters(self) -> Counters:
        """The account of settled frames."""
        with self._room:
            return self._counters(self._skipped, self._corrupt)

    @property
    def num_waiting(self) -> int:
        """Frames held."""
        with self._room:
            return len(self._held)

    @property
    def end(self) -> str | None:
        """Why no frame follows, once the last one is taken."""
        with self._room:
            return self._end if not self._held else None

    @property
    def failure(self) -> BaseException | None:
        """What broke the decoding thread, if anything did."""
        with self._room:
            return self._failure

    @property
    def _is_full(self) -> bool:
        return len(self._held) >= self._capacity

    def _note(self, skipped: int, corrupt: int) -> None:
        self._skipped = self._skipped_before + skipped
        self._corrupt = self._corrupt_before + corrupt

    def _make_room(self, frame: H) -> None:
        if self._is_full and self._on_full == "drop_newest":
            self._captured += 1
            self._dropped["drop_newest"] += 1
            return
        while self._is_full:
            self._held.popleft()
            self._captured += 1
            self._dropped[self._on_full] += 1
        self._held.append(frame)

    def _is_stale(self, frame: H, now_ns: int) -> bool:
        return self._max_age_ns is not None and now_ns - frame.captured_mono_ns > self._max_age_ns

    def _counters(self, skipped: int, corrupt: int) -> Counters:
        return Counters(self._captured, dict(self._dropped), skipped, corrupt)
