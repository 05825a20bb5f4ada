"""A model on a device, to be asked for exit tables and times."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty import DifficultyTables
from dart_stream.engine import Engine, staged_model
from dart_stream.engine.recording import record_exits
from dart_stream.exit_table import ExitTable
from dart_stream.model_dir import ModelInfo, load_network, read_info, resolve
from pipeline.heap import keep_large_blocks


@dataclass(frozen=True)
class Subject:
    """A model on a device."""

    info: ModelInfo
    engine: Engine
    threads: int

    @classmethod
    def load(
        cls, name: str, device: str, precision: Literal["auto", "fp32", "bf16"], threads: int
    ) -> Self:
        """Load a zoo model or model directory.

        Raises:
            ModelError: it cannot be used.
            EngineError: the device is not there.
        """
        keep_large_blocks()  # as a worker does
        directory = resolve(name)
        info = read_info(directory)
        staged = staged_model(info, load_network(directory, info))
        engine = Engine(staged, device=device, precision=precision, threads=threads)
        return cls(info, engine, threads)

    @property
    def tables(self) -> DifficultyTables | None:
        """Of difficulty; None if the model has none."""
        body = self.info.difficulty
        return None if body is None else DifficultyTables.from_dict(body)

    def record(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None, source: str
    ) -> ExitTable:
        """Run pictures through every exit."""
        return record_exits(self.info, self.engine.network, images, labels, source)
