"""What the system allows: memory and processes of a container, room in shared memory, the time."""

import ctypes
import os
import re
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pipeline.doctor.check import Check

_MIN_MEMORY: Final = 2 << 30
"""Bytes; a supervisor, a reader, a sink and a worker with torch."""
_MIN_PROCESSES: Final = 256
"""A run of eight cameras has a dozen processes of some ten threads each."""
_PROBE_BYTES: Final = 16 << 20
"""Two whole frames of 1080p and more."""
_TIME_ERROR: Final = 5
"""What the kernel's clock says of itself while nothing disciplines it."""
_TIMEX_BYTES: Final = 512
"""More than the kernel's structure has; its first number, 0, asks for nothing to be changed."""


def memory_limit(group: Path = Path("/sys/fs/cgroup")) -> Check:
    """A container's limit on memory, which kills and does not warn."""
    limit = _number(group / "memory.max")
    if limit is None:
        return Check("memory limit", "none")
    used = _number(group / "memory.current") or 0
    left = limit - max(0, used - _idle_cache(group / "memory.stat"))
    found = f"{left / (1 << 30):.1f} GiB left of {limit / (1 << 30):.1f} GiB (control group)"
    if left < _MIN_MEMORY:
        return Check("memory limit", found, "warn", "in a container give --memory=4g or more")
    return Check("memory limit", found)


def processes(group: Path = Path("/sys/fs/cgroup"), limits: tuple[int, int] | None = None) -> Check:
    """How many processes and threads may be started; each source, sink and worker is some."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC) if limits is None else limits
    allowed = []
    if soft >= 0:  # the kernel counts all that the user has, in other containers, too
        allowed.append((soft, f"{soft:,} processes and threads of this user in all"))
    most = _number(group / "pids.max")
    if most is not None:
        left = most - (_number(group / "pids.current") or 0)
        allowed.append((left, f"{left:,} more processes and threads"))
    if not allowed:
        return Check("processes", "unlimited")
    fewest, found = min(allowed)
    if fewest < _MIN_PROCESSES:
        return Check("processes", found, "warn", "ulimit -u, or --pids-limit of a container")
    return Check("processes", found)


def shared_frames(folder: Path = Path("/dev/shm")) -> Check:  # noqa: S108  # the kernel's own place
    """Frames can really be laid there: a file is allocated, and removed again."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            os.posix_fallocate(probe.fileno(), 0, _PROBE_BYTES)
    except OSError as error:
        found = f"{folder}: {error.strerror} (tried {_PROBE_BYTES >> 20} MiB)"
        advice = "only sinks that draw need it: mount a tmpfs there, or give --shm-size=1g"
        return Check("shared frames", found, "warn", advice)
    return Check("shared frames", f"{_PROBE_BYTES >> 20} MiB allocated in {folder}")


def clock_sync(state: Callable[[], int] | None = None) -> Check:
    """Whether something sets the clock; times in results are as right as it is.

    Args:
        state: What the kernel says of its clock; negative if it does not.
    """
    found = (_kernel_clock if state is None else state)()
    if found < 0:
        return Check("clock sync", "not known here")
    if found == _TIME_ERROR:
        advice = "timedatectl set-ntp true; else captured_at drifts (a container: on its host)"
        return Check("clock sync", "nothing sets this clock", "warn", advice)
    return Check("clock sync", "set by NTP or the like")


def _kernel_clock() -> int:
    try:
        ask = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return -1
    return int(ask(ctypes.create_string_buffer(_TIMEX_BYTES)))


def _idle_cache(stat: Path) -> int:
    """Bytes of files that the kernel lets go before it kills; 0 where it does not say."""
    try:
        found = re.search(r"^inactive_file (\d+)$", stat.read_text(), re.MULTILINE)
    except (OSError, ValueError):
        return 0
    return int(found[1]) if found else 0


def _number(path: Path) -> int | None:
    """A control group's number; None for "max" and where there is no such file."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
