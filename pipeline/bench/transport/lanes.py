"""What the two processes of the benchmark say to each other before and between measurements."""

from typing import Final, Literal

import msgspec

Path = Literal["memcpy", "shm", "ipc", "tcp", "curve"]
PATHS: Final[tuple[Path, ...]] = ("memcpy", "shm", "ipc", "tcp", "curve")
READER: Final = "reader/bench#0"
PICTURES: Final = 4
"""Different ones that are sent in turn; each has its number in its first and last byte."""


class ConsumerSpec(msgspec.Struct, frozen=True):
    """Where the consumer listens: one line of JSON on its standard input."""

    folder: str
    """Of sockets."""
    frames_folder: str
    """Of rings in shared memory."""
    keys: str
    """Of the hub."""


class ConsumerReady(msgspec.Struct, frozen=True):
    """Its answer: the addresses that only it knows."""

    tcp: str
    curve: str


class Block(msgspec.Struct, frozen=True):
    """Take pictures by one path until `SourceEnded` comes; the answer is a `BlockDone`."""

    path: Path


class BlockDone(msgspec.Struct, frozen=True):
    """Nanoseconds from the producer's start to the pixels being readable, for each picture."""

    latencies_ns: list[int]
