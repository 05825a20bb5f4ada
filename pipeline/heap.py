"""Memory that malloc holds back, given to the system again.

Frames, encoders and batches take and free megabytes, and small blocks that live on come to lie
between them. malloc keeps what is free there for itself: for as long as a moment of high load lasts
a process grows, and it stays so large for the months that it may run.
"""

import ctypes
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, Final

INTERVAL_S: Final = 60.0
"""Pages that are wanted again come back within milliseconds; once a minute nobody notices."""


def give_back() -> None:
    """Give back what was freed; where there is no glibc, nothing happens."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


def give_back_until(stopping: threading.Event, interval_s: float = INTERVAL_S) -> None:
    """Give back now and then; for a thread of its own."""
    while not stopping.wait(interval_s):
        give_back()


@cache
def _malloc_trim() -> Callable[[int], Any] | None:
    """Kept: opening the library each minute left kilobytes in circles, which nobody collected."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
