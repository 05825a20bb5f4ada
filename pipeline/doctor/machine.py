"""Cores, memory, files, sockets, disk, clock and terminal."""

import os
import resource
import shutil
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipeline.doctor.check import Check
from pipeline.errors import ConfigError
from pipeline.supervisor.run_folder import RunFolder

_MIN_MEMORY: Final = 1 << 30
"""Bytes; one worker with torch takes half of it."""
_MIN_SHARED: Final = 64 << 20
_MIN_DISK: Final = 1 << 30
_MIN_OPEN_FILES: Final = 1_024


def cores(control_group: Path = Path("/sys/fs/cgroup/cpu.max")) -> Check:
    """Cores that this process may use, and a container's limit below that."""
    present, usable = os.cpu_count() or 1, len(os.sched_getaffinity(0))
    limit = _cpu_limit(control_group)
    found = f"{usable} of {present} usable"
    if limit is not None and limit < usable:
        found += f", limited to {limit:g} by the control group"
        return Check("cores", found, "warn", f"set model.threads to {max(1, int(limit))} or less")
    return Check("cores", found)


def memory(meminfo: Path = Path("/proc/meminfo")) -> Check:
    """Memory that can be had without swapping."""
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    free = int(fields["MemAvailable"].split()[0]) << 10
    total = int(fields["MemTotal"].split()[0]) << 10
    found = f"{_gib(free)} available of {_gib(total)}"
    if free < _MIN_MEMORY:
        return Check("memory", found, "warn", f"a worker needs about {_gib(_MIN_MEMORY / 2)}")
    return Check("memory", found)


def shared_memory(folder: Path = Path("/dev/shm")) -> Check:  # noqa: S108  # the kernel's own place
    """Room for frames that travel between processes."""
    if not folder.is_dir():
        return Check("shared memory", f"no {folder}", "warn", "mount a tmpfs there")
    usage = shutil.disk_usage(folder)
    found = f"{_gib(usage.free)} free of {_gib(usage.total)} in {folder}"
    if usage.free < _MIN_SHARED:
        return Check("shared memory", found, "warn", "in a container give --shm-size=1g")
    return Check("shared memory", found)


def open_files(limits: tuple[int, int] | None = None) -> Check:
    """How many files a process may have open: soft and hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE) if limits is None else limits
    shown = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft:,} at once"
    if 0 <= soft < _MIN_OPEN_FILES:
        raised = _MIN_OPEN_FILES if hard < 0 else min(hard, _MIN_OPEN_FILES)
        return Check("open files", shown, "warn", f"ulimit -n {raised}")
    return Check("open files", shown)


def sockets(root: Path | None = None) -> Check:
    """A run's private folder and a socket in it: made and removed again."""
    try:
        folder = RunFolder(root)
    except ConfigError as error:
        return Check("sockets", str(error), "fail", "export TMPDIR=/tmp")
    except OSError as error:
        where = error.filename or root or "the temporary folder"
        advice = "set TMPDIR to a folder that can be written"
        return Check("sockets", f"cannot write to {where}: {error.strerror}", "fail", advice)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder.path / "hub"))
    except OSError as error:
        advice = "set TMPDIR to a local folder; some network file systems have no sockets"
        return Check("sockets", f"{folder.path}: {error}", "fail", advice)
    finally:
        folder.close()
    return Check("sockets", f"work in {folder.path.parent}")


def disk(folder: Path) -> Check:
    """Room for results where the command is typed."""
    usage = shutil.disk_usage(folder)
    found = f"{_gib(usage.free)} free of {_gib(usage.total)} in {folder}"
    if not os.access(folder, os.W_OK):
        return Check("disk", f"{folder} cannot be written", "warn", "give --out a folder that can")
    if usage.free < _MIN_DISK:
        return Check("disk", found, "warn", "make room, or give --out another disk")
    return Check("disk", found)


def clock(now_s: float | None = None) -> Check:
    """The wall clock is not before this package's files, and the monotonic one moves."""
    now_s = time.time() if now_s is None else now_s
    installed_s = Path(__file__).stat().st_mtime
    begin_ns = time.monotonic_ns()
    while (step_ns := time.monotonic_ns() - begin_ns) == 0:
        continue
    when = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds")
    if now_s < installed_s:
        advice = "set the clock (NTP); times in results are wrong until then"
        return Check("clock", f"{when}, before this package was installed", "warn", advice)
    return Check("clock", f"{when}, ticks within {step_ns} ns")


def terminal() -> Check:
    """Whether the live screen can be drawn well."""
    if not sys.stdout.isatty():
        return Check("terminal", "none: progress as lines, no live screen")
    size = shutil.get_terminal_size()
    encoding = sys.stdout.encoding
    found = f"{size.columns}x{size.lines}, {encoding}, TERM={os.environ.get('TERM', '')}"
    if encoding.lower().replace("-", "") != "utf8":
        return Check("terminal", found, "warn", "export LANG=C.UTF-8")
    if size.columns < 80 or size.lines < 24:
        return Check("terminal", found, "warn", "80x24 and more shows everything")
    return Check("terminal", found)


def _cpu_limit(control_group: Path) -> float | None:
    """Cores' worth of time that the control group allows (cgroup v2), None without a limit."""
    try:
        quota, period = control_group.read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _gib(size: float) -> str:
    return f"{size / (1 << 30):.1f} GiB"
