"""How long each stage and head takes on this machine, by batch size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dart_stream.engine.placement import choose_device
from dart_stream.engine.prepared_network import FoldedStages, Precision, PreparedNetwork
from dart_stream.engine.staged_model import StagedModel
from dart_stream.engine.timing import interleaved_ms


@dataclass(frozen=True, slots=True, eq=False)
class StageTimes:
    """Readings on this machine; readings of one batch size and repeat were taken in one round.

    Attributes:
        batch_sizes: (b,) regions.
        stage_readings_ms: (b, repeats, exits) of each stage.
        head_readings_ms: (b, repeats, exits) of each head, its softmax and the wait for it
            included.
    """

    batch_sizes: tuple[int, ...]
    stage_readings_ms: NDArray[np.float64]
    head_readings_ms: NDArray[np.float64]

    @property
    def stage_ms(self) -> NDArray[np.float64]:
        """Median of each stage, (b, exits)."""
        medians: NDArray[np.float64] = np.median(self.stage_readings_ms, axis=1)
        return medians

    @property
    def head_ms(self) -> NDArray[np.float64]:
        """Median of each head, (b, exits)."""
        medians: NDArray[np.float64] = np.median(self.head_readings_ms, axis=1)
        return medians

    @property
    def exit_readings_ms(self) -> NDArray[np.float64]:
        """What a batch costs that leaves at exit k, (b, repeats, exits): all heads on the way."""
        return np.cumsum(self.stage_readings_ms + self.head_readings_ms, axis=2)

    @property
    def plain_readings_ms(self) -> NDArray[np.float64]:
        """The network without early exits, (b, repeats): all stages and the last head."""
        plain: NDArray[np.float64] = (
            self.stage_readings_ms.sum(axis=2) + self.head_readings_ms[:, :, -1]
        )
        return plain

    @property
    def exit_share_readings(self) -> NDArray[np.float64]:
        """`exit_readings_ms` as a share of the plain network in the same round."""
        return self.exit_readings_ms / self.plain_readings_ms[:, :, None]


def time_model(
    model: StagedModel,
    *,
    device: str,
    threads: int,
    precisions: Sequence[Precision],
    batch_sizes: Sequence[int],
    repeats: int,
) -> list[StageTimes]:
    """Time every part of a model, its precisions side by side.

    Args:
        model: as an engine takes it.
        device: as an engine takes it.
        threads: of torch on the CPU. This is a setting of the whole process.
        precisions: one result each.
        batch_sizes: regions.
        repeats: rounds that count.

    Raises:
        EngineError: the device is unknown or not there.
    """
    place = choose_device(device)
    torch.set_num_threads(threads)
    folded = FoldedStages(model)
    networks = [PreparedNetwork(model, folded, place, precision) for precision in precisions]
    return compare_stage_times(networks, model.input_size, batch_sizes, repeats)


def measure_stage_times(
    network: PreparedNetwork,
    input_size: tuple[int, int],
    batch_sizes: Sequence[int],
    repeats: int,
) -> StageTimes:
    """Time every stage and head at each batch size; all of one size are interleaved."""
    return compare_stage_times([network], input_size, batch_sizes, repeats)[0]


@torch.inference_mode()
def compare_stage_times(
    networks: Sequence[PreparedNetwork],
    input_size: tuple[int, int],
    batch_sizes: Sequence[int],
    repeats: int,
) -> list[StageTimes]:
    """Time the parts of several networks; all parts of all networks are interleaved.

    Args:
        networks: such as one network in two precisions; on one device.
        input_size: (height, width) in pixels, of all of them.
        batch_sizes: one set of rounds each.
        repeats: rounds that count.
    """
    readings = []
    for size in batch_sizes:
        images = np.zeros((size, *input_size, 3), dtype=np.uint8)
        steps = [step for network in networks for step in _steps(network, images)]
        readings.append(interleaved_ms(steps, repeats=repeats, device=networks[0].device))
    times = np.array(readings)  # (b, repeats, parts of all networks)
    compared, start = [], 0
    for network in networks:
        stop = start + 2 * network.num_exits
        parts = times[:, :, start:stop]
        compared.append(StageTimes(tuple(batch_sizes), parts[:, :, 0::2], parts[:, :, 1::2]))
        start = stop
    return compared


def _steps(network: PreparedNetwork, images: NDArray[np.uint8]) -> list[Callable[[], object]]:
    """Stage 0, head 0, stage 1, ...: each on what the one before left, as in a real run."""
    maps = [network.input(images)]
    maps += [maps[0]] * network.num_exits

    def stage(k: int) -> Callable[[], None]:
        def run() -> None:
            maps[k + 1] = network.run_stages(maps[k], k, k + 1)

        return run

    def head(k: int) -> Callable[[], object]:
        return lambda: network.probabilities(k, maps[k + 1])

    return [step(k) for k in range(network.num_exits) for step in (stage, head)]
