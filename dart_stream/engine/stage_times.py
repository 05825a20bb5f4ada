"""How long each stage and head takes on this machine, by batch size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dart_stream.engine.prepared_network import PreparedNetwork
from dart_stream.engine.timing import interleaved_median_ms


@dataclass(frozen=True, slots=True, eq=False)
class StageTimes:
    """Median times on this machine.

    Attributes:
        batch_sizes: (b,) regions.
        stage_ms: (b, exits) of each stage.
        head_ms: (b, exits) of each head, its softmax and the wait for it included.
    """

    batch_sizes: tuple[int, ...]
    stage_ms: NDArray[np.float64]
    head_ms: NDArray[np.float64]


@torch.inference_mode()
def measure_stage_times(
    network: PreparedNetwork,
    input_size: tuple[int, int],
    batch_sizes: Sequence[int],
    repeats: int,
) -> StageTimes:
    """Time every stage and head at each batch size; all of one size are interleaved."""
    rows = []
    for size in batch_sizes:
        steps = _steps(network, np.zeros((size, *input_size, 3), dtype=np.uint8))
        rows.append(interleaved_median_ms(steps, repeats=repeats, device=network.device))
    times = np.array(rows).reshape(len(batch_sizes), 2, network.num_exits)
    return StageTimes(tuple(batch_sizes), times[:, 0], times[:, 1])


def _steps(network: PreparedNetwork, images: NDArray[np.uint8]) -> list[Callable[[], object]]:
    """Every stage on its own input, then every head."""
    exits = range(network.num_exits)
    maps = [network.input(images)]
    for k in exits:
        maps.append(network.run_stages(maps[-1], k, k + 1))

    def stage(k: int) -> Callable[[], object]:
        return lambda: network.run_stages(maps[k], k, k + 1)

    def head(k: int) -> Callable[[], object]:
        return lambda: network.probabilities(k, maps[k + 1])

    return [*map(stage, exits), *map(head, exits)]
