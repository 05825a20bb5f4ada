"""A child process that answers lines of JSON, as a benchmark sees it."""

import contextlib
import subprocess
import sys
from types import TracebackType
from typing import IO, Any, Self, TypeVar, cast

import msgspec

from pipeline.errors import StageError

_Answer = TypeVar("_Answer")


class JsonProcess:
    """Starts `python -m MODULE`; leave the context to end it.

    Args:
        module: Reads a line of JSON and answers with one, until its input ends.
        name: For messages.
        spec: Its first line.
    """

    def __init__(self, module: str, name: str, spec: Any) -> None:
        self._name = name
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self.tell(spec)

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
        self.end()

    def tell(self, message: Any) -> None:
        """Send a line; one that has ended is noticed by its missing answer."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(msgspec.json.encode(message) + b"\n")
            self._stdin.flush()

    def hear(self, kind: type[_Answer]) -> _Answer:
        """Wait for its next line.

        Raises:
            StageError: It has ended; its own words are on standard error.
        """
        answer = self._stdout.readline()
        if not answer:
            raise StageError(f"{self._name} ended with exit status {self._process.wait()}")
        return msgspec.json.decode(answer, type=kind)

    def first(self, kind: type[_Answer]) -> _Answer:
        """As `hear`, for the answer to its spec: nothing is left behind if there is none."""
        try:
            return self.hear(kind)
        except StageError:
            self.end()
            raise

    def end(self) -> None:
        """Close its input and wait for it."""
        with contextlib.suppress(BrokenPipeError):  # what it did not read is still in the buffer
            self._stdin.close()
        self._process.wait()
        self._stdout.close()
