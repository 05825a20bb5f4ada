"""The consumer of the transport benchmark, as the benchmark sees it."""

import contextlib
import subprocess
import sys
from types import TracebackType
from typing import IO, Self, TypeVar, cast

import msgspec

from pipeline.bench.transport.lanes import Block, BlockDone, ConsumerReady, ConsumerSpec
from pipeline.errors import StageError

_Answer = TypeVar("_Answer", ConsumerReady, BlockDone)


class ConsumerProcess:
    """Starts the process; leave the context to end it.

    Raises:
        StageError: It ended early; its own words are on standard error.
    """

    def __init__(self, spec: ConsumerSpec) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.bench.transport.consumer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        try:
            self._tell(spec)
            self.ready = self._hear(ConsumerReady)
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

    def begin(self, block: Block) -> None:
        """Have it take pictures; what it measured comes with `done`."""
        self._tell(block)

    def done(self) -> BlockDone:
        """What it measured in the block that the producer has ended."""
        return self._hear(BlockDone)

    def _tell(self, message: ConsumerSpec | Block) -> None:
        with contextlib.suppress(BrokenPipeError):  # the missing answer says so
            self._stdin.write(msgspec.json.encode(message) + b"\n")
            self._stdin.flush()

    def _hear(self, kind: type[_Answer]) -> _Answer:
        answer = self._stdout.readline()
        if not answer:
            raise StageError(f"the consumer ended with exit status {self._process.wait()}")
        return msgspec.json.decode(answer, type=kind)

    def _end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        self._process.wait()
        self._stdout.close()
