"""What the benchmark and the child that measures the parts alone say to each other."""

from typing import Any

import msgspec

from pipeline.specs import ReaderSpec, WorkerSpec


class AloneSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A source as its reader is told of it, a worker as it is told of itself, and its policy."""

    reader: ReaderSpec
    worker: WorkerSpec
    policy: dict[str, Any]


class AloneHello(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker's arithmetic runs on."""

    device: str
    precision: str
    torch: str
    description: str


class AloneTimes(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds a frame, all threads of the process, over one pass of the clip."""

    batch: int
    decode_crop: float
    engine: float
    regions_per_frame: float
