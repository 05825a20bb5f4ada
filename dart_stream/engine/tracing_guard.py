"""Keeps threads that run networks away from one that traces a network.

While torch.fx traces, it replaces `nn.Module.__call__` for the whole process: a network that
another thread runs meanwhile would be taken for a part of the one that is traced. In a process
with one worker this never waits.
"""

import contextlib
import threading
from collections.abc import Iterator

_PATIENCE_S = 5.0
"""A thread that hangs while it runs a network is left behind; its successor must get its turn."""

_changed = threading.Condition()
_running = 0
_is_traced = False


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """Build networks and engines: alone."""
    global _is_traced  # noqa: PLW0603 - what it guards is global, too
    with _changed:
        _changed.wait_for(lambda: not _is_traced and not _running, _PATIENCE_S)
        _is_traced = True
    try:
        yield
    finally:
        with _changed:
            _is_traced = False
            _changed.notify_all()


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Run engines: together with others that do, but not while one is built."""
    global _running  # noqa: PLW0603 - what it guards is global, too
    with _changed:
        _changed.wait_for(lambda: not _is_traced, _PATIENCE_S)
        _running += 1
    try:
        yield
    finally:
        with _changed:
            _running -= 1
            _changed.notify_all()
