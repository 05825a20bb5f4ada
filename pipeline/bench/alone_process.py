"""The child process that measures the parts alone, as the benchmark sees it."""

import contextlib
import subprocess
import sys
from types import TracebackType
from typing import IO, Self, TypeVar, cast

import msgspec

from pipeline.bench.alone_messages import AloneHello, AloneSpec, AloneTimes
from pipeline.errors import StageError

_Answer = TypeVar("_Answer", AloneHello, AloneTimes)


class AloneProcess:
    """Starts the child; leave the context to end it.

    Raises:
        StageError: It ended early; its own words are on standard error.
    """

    def __init__(self, spec: AloneSpec) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.bench.alone"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        try:
            self.hello = self._ask(msgspec.json.encode(spec), AloneHello)
        except StageError:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._process.kill()
        self._end()

    def measure(self, batch: int) -> AloneTimes:
        """One pass over the clip at this batch size."""
        return self._ask(str(batch).encode(), AloneTimes)

    def _end(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # what it did not read is still in the buffer
            self._stdin.close()
        self._process.wait()
        self._stdout.close()

    def _ask(self, line: bytes, kind: type[_Answer]) -> _Answer:
        try:
            self._stdin.write(line + b"\n")
            self._stdin.flush()
            answer = self._stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise StageError(f"measuring alone ended with exit status {self._process.wait()}")
        return msgspec.json.decode(answer, type=kind)
