"""An exit table from a model and pictures: every exit's answer, as it would be deployed."""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from dart_stream.costs import costs_of
from dart_stream.difficulty import (
    DifficultyTables,
    difficulty_parts,
    paper_difficulty_of_parts,
)
from dart_stream.engine.prepared_network import PreparedNetwork
from dart_stream.exit_table import ExitTable
from dart_stream.model_info import ModelInfo

_BATCH: Final = 250


def record_exits(
    info: ModelInfo,
    network: PreparedNetwork,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64] | None,
    source: str,
    on_done: Callable[[int], None] = lambda _pictures: None,
) -> ExitTable:
    """Run every picture through every exit.

    Args:
        info: of the model.
        network: the same, in the precision that will be used.
        images: uint8 [N, height, width, 3], sized as the model sees them.
        labels: true classes [N], or None.
        source: where they come from, in words.
        on_done: told how many pictures are done, now and then.
    """
    logits = np.empty((len(images), info.num_exits, len(info.classes)), np.float32)
    for start in range(0, len(images), _BATCH):
        stop = min(start + _BATCH, len(images))
        logits[start:stop] = _exit_logits(network, images[start:stop])
        on_done(stop)
    parts = difficulty_parts(images)
    tables = None if info.difficulty is None else DifficultyTables.from_dict(info.difficulty)
    neutral = np.full(len(images), 0.5, np.float32)
    return ExitTable(
        # What the network hands out is divided by temperatures already.
        logits=logits * np.asarray(info.temperatures, np.float32)[:, None],
        temperatures=tuple(info.temperatures),
        labels=labels,
        difficulty=neutral if tables is None else tables.score_parts(parts),
        alpha=paper_difficulty_of_parts(parts),
        parts=parts,
        macs=costs_of(info.macs, info.input_size),
        classes=tuple(info.classes),
        source=source,
    )


@torch.inference_mode()
def _exit_logits(network: PreparedNetwork, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Calibrated logits of every exit, [N, exits, classes]."""
    maps = network.input(images)
    logits = []
    for index in range(network.num_exits):
        maps = network.run_stages(maps, index, index + 1)
        logits.append(network.logits(index, maps).cpu().numpy())
    return np.stack(logits, axis=1)
