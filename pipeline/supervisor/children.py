"""Children of a run: processes, or threads that run the same functions."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from typing import IO, cast

import msgspec

from pipeline.roles.registry import role_of, run_role
from pipeline.specs import AnySpec, MonitorSpec
from pipeline.transport import Context

log = logging.getLogger(__name__)

_MAX_LOG_BYTES = 65_536


class Child(ABC):
    """A running role."""

    def __init__(self, spec: AnySpec) -> None:
        self.spec = spec
        self.role = role_of(spec)
        self.cpu_s: float | None = None
        """Processor time so far; None where it cannot be told apart."""

    @property
    def stage(self) -> str:
        """How it is called in the log."""
        return f"{self.role}/{self.spec.name}"

    @property
    @abstractmethod
    def is_alive(self) -> bool:
        """It runs."""

    @property
    @abstractmethod
    def ending(self) -> str:
        """How it ended, for a person."""

    @property
    def log_descriptor(self) -> int | None:
        """Readable when it has said something for the log."""
        return None

    def read_log(self) -> list[str]:
        """Whole lines it has said since."""
        return []

    @abstractmethod
    def kill(self) -> None:
        """End it at once (a thread can only be abandoned)."""

    @abstractmethod
    def close(self) -> None:
        """Wait for its end and give back what held the connection to it."""

    @abstractmethod
    def release(self) -> None:
        """Tell it that its supervisor needs it no more."""

    def measure(self) -> None:  # noqa: B027  # threads share their process's clock
        """Bring `cpu_s` up to date."""


class ChildProcess(Child):
    """A role in a process of its own, alive no longer than its standard input.

    Args:
        spec: What it does.
        keep_open: File descriptor that it holds as long as it lives, if any.
    """

    def __init__(self, spec: AnySpec, keep_open: int | None = None) -> None:
        super().__init__(spec)
        self._process = subprocess.Popen(  # noqa: S603  # our own module, no shell
            # Neither word is read there: they tell a person who looks at processes which it is.
            [sys.executable, "-P", "-m", "pipeline.child", self.role, spec.name],
            stdin=subprocess.PIPE,
            stdout=None if isinstance(spec, MonitorSpec) else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=() if keep_open is None else (keep_open,),
        )
        stdin = cast("IO[bytes]", self._process.stdin)
        try:
            stdin.write(msgspec.json.encode(spec) + b"\n")
            stdin.flush()
        except BrokenPipeError:
            log.warning("%s: ended before it was told what to do", self.stage)
        self._stderr = cast("IO[bytes]", self._process.stderr)
        os.set_blocking(self._stderr.fileno(), False)
        self._partial = b""

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Negative for a signal; None while it runs."""
        return self._process.returncode

    @property
    def ending(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            return f"signal {_signal_name(-code)}"
        return f"exit status {code}"

    @property
    def log_descriptor(self) -> int | None:
        return None if self._stderr.closed else self._stderr.fileno()

    def read_log(self) -> list[str]:
        if self._stderr.closed:
            return []
        has_ended = not self.is_alive  # before reading: what it said last is in the pipe by then
        said, is_over = self._read()
        if is_over:
            self._stderr.close()
        *lines, self._partial = (self._partial + said).split(b"\n")
        if self._partial and (is_over or has_ended or len(self._partial) > _MAX_LOG_BYTES):
            lines, self._partial = [*lines, self._partial], b""
        return [line.decode("utf-8", "replace") for line in lines]

    def _read(self) -> tuple[bytes, bool]:
        """What is in the pipe, as far as it holds, and whether that was the last of it."""
        said = self._stderr.read(_MAX_LOG_BYTES)
        if not said:
            return b"", said == b""
        # The end shows only to a second look; nobody looks again once a child is buried.
        more = self._stderr.read(_MAX_LOG_BYTES)
        return said + (more or b""), more == b""

    def kill(self) -> None:
        self._process.kill()

    def release(self) -> None:
        stdin = cast("IO[bytes]", self._process.stdin)
        with contextlib.suppress(BrokenPipeError):  # it died before it read what to do
            stdin.close()

    def measure(self) -> None:
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as stat:  # noqa: PTH123  # twice a second
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:
            return
        self.cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self.release()
        self._process.wait()
        if not self._stderr.closed:
            self._stderr.close()


def _signal_name(number: int) -> str:
    """Real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


class ChildThread(Child):
    """A role on a thread; a crash is noticed, a hang can only be left behind."""

    def __init__(self, spec: AnySpec, context: Context) -> None:
        super().__init__(spec)
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._abandoned = False
        self._thread = threading.Thread(
            target=self._run, args=(context,), name=self.stage, daemon=True
        )
        self._thread.start()

    def _run(self, context: Context) -> None:
        try:
            run_role(self.spec, context, self._stopping)
        except Exception as error:
            self._failure = error
            log.exception("%s failed", self.stage)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() and not self._abandoned

    @property
    def ending(self) -> str:
        if self._abandoned:
            return "abandoned"
        return "finished" if self._failure is None else f"{self._failure!r}"

    def kill(self) -> None:
        self._stopping.set()
        self._abandoned = True

    def release(self) -> None:
        self._stopping.set()

    def close(self) -> None:
        self._stopping.set()
        if not self._abandoned:
            self._thread.join(timeout=5.0)
