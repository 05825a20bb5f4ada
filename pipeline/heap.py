"""Memory that is held back, given to the system again.

Frames, encoders and batches take and free megabytes, and small blocks that live on come to lie
between them. malloc keeps what is free there for itself: for as long as a moment of high load lasts
a process grows, and it stays so large for the months that it may run. And objects that refer to
each other wait for a collection, which comes when they are a quarter of all there are.
"""

import ctypes
import gc
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, Final

INTERVAL_S: Final = 60.0
"""Pages that are wanted again come back within milliseconds; once a minute nobody notices."""

_LARGE_BYTES: Final = 256 * 1024
"""Frames are larger, messages are smaller."""

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
"""As `malloc.h` numbers them."""

_KEPT_BYTES: Final = 256 * 1024 * 1024
_LARGEST_KEPT_BYTES: Final = 32 * 1024 * 1024
"""Of one block: malloc takes no larger threshold."""


def map_large_blocks() -> None:
    """Let large blocks come from the system one by one, and go back there when they are freed.

    All for which the heap has no room: it never grows for them. malloc would do so only until the
    first one is freed, and then lay them among small ones that live on. Pages of the system cost
    time, so this is not for those that decode or compute as fast as it goes.
    """
    _set_options({_M_MMAP_THRESHOLD: _LARGE_BYTES})


def keep_large_blocks() -> None:
    """Keep freed blocks for the next ones of their kind, until `give_back`.

    For what runs networks. Each layer's output takes some megabytes of memory for less than a
    millisecond; from the system they would come as new pages, which takes an eighth of the time of
    the layers that are cheap.
    """
    _set_options({_M_MMAP_THRESHOLD: _LARGEST_KEPT_BYTES, _M_TRIM_THRESHOLD: _KEPT_BYTES})


def settle() -> None:
    """Leave what lives by now out of collections: the rest is little, and is collected often.

    For when a process has started: modules and classes stay anyway.
    """
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Give back what was freed; where there is no glibc, nothing happens."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


class Housekeeping:
    """What a process does for its memory each `INTERVAL_S`."""

    def __init__(self) -> None:
        self._is_settled = False

    def tidy(self) -> None:
        """Give back; the first time, when the process has started, settle."""
        if not self._is_settled:
            self._is_settled = True
            settle()
        give_back()


def tidy_until(stopping: threading.Event, interval_s: float = INTERVAL_S) -> None:
    """Tidy now and then; for a thread of its own."""
    housekeeping = Housekeeping()
    while not stopping.wait(interval_s):
        housekeeping.tidy()


def _set_options(options: dict[int, int]) -> None:
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option, value in options.items():
            set_option(option, value)


@cache
def _malloc_trim() -> Callable[[int], Any] | None:
    """Kept: opening the library each minute left kilobytes in circles, which nobody collected."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
