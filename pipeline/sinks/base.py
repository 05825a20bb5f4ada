"""What a sink is: a place where results end up."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

Record = dict[str, Any]
"""A line of `results.jsonl`: a region's result, or `{"event": "end_of_stream", ...}`."""

Key = tuple[int, int]
"""Frame and region number within a source; orders its records."""

END_KEY: Final[Key] = (2**62, 0)
"""Key of the end record, after every region."""


def key_of(record: Record) -> Key:
    """Where a record stands within its source."""
    return END_KEY if "event" in record else (record["frame"], record["region"])


class Sink(ABC):
    """Receives records in order: within a source by frame and region, its end record last.

    A sink of one's own subclasses this and is named in the configuration by import path. It runs in
    a process of its own; an exception restarts it, and every record that was not flushed comes
    again. A sink that can tell what it already holds returns it from `open` and so gets every
    record exactly once; one that cannot returns nothing and may see a record twice.
    """

    def __init__(self, out: Path, options: dict[str, Any]) -> None:
        self.out = out
        self.options = options

    def open(self, offset: int) -> dict[str, Key]:  # noqa: ARG002  # for sinks that remember
        """Begin; returns the last key held per source, looking no further back than `offset`."""
        return {}

    @abstractmethod
    def write(self, records: Sequence[Record]) -> None:
        """Take records."""

    def flush(self) -> int:
        """Make what was written survive the death of this process; returns the next `offset`."""
        return 0

    def close(self) -> None:  # noqa: B027  # many sinks hold nothing open
        """No record follows, at the end or because `write` or `flush` failed."""
