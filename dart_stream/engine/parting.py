"""What an early exit takes beside its head: deciding who leaves, and gathering those who go on."""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from dart_stream.engine.decisions import DecisionBook
from dart_stream.engine.exit_plan import ExitPlan
from dart_stream.engine.prepared_network import PreparedNetwork
from dart_stream.engine.staged_model import StagedModel
from dart_stream.engine.timing import interleaved_ms
from dart_stream.policies import DartPolicy

_THRESHOLD: Final = 0.9


@torch.inference_mode()
def time_parting(
    network: PreparedNetwork, model: StagedModel, batch_size: int, repeats: int
) -> NDArray[np.float64]:
    """Median milliseconds of a batch at each early exit where every other region leaves.

    Fewer or more that leave take less or more of the gather: half stands for both.

    Args:
        network: that runs.
        model: that it was made of.
        batch_size: regions.
        repeats: rounds that count; all exits are read in each.
    """
    early = network.num_exits - 1
    if not early:
        return np.empty(0)
    plan = ExitPlan.of(DartPolicy(thresholds=(_THRESHOLD,) * early), model)
    answers = _every_other_sure(batch_size, model.num_classes)
    x = network.input(np.zeros((batch_size, *model.input_size, 3), np.uint8))
    steps: list[Callable[[], object]] = []
    for k in range(early):
        x = network.run_stages(x, k, k + 1)
        steps.append(_parting(network, plan, k, x, answers))
    times_ms = interleaved_ms(steps, repeats=repeats, device=network.device)
    medians: NDArray[np.float64] = np.median(times_ms, axis=0)
    return medians


def _parting(
    network: PreparedNetwork,
    plan: ExitPlan,
    exit_index: int,
    x: torch.Tensor,
    answers: NDArray[np.float32],
) -> Callable[[], object]:
    difficulty = np.full(len(answers), 0.5, np.float32)

    def run() -> torch.Tensor:
        book = DecisionBook(plan, difficulty, None)
        return network.select(x, book.record(exit_index, answers))

    return run


def _every_other_sure(count: int, classes: int) -> NDArray[np.float32]:
    """Probabilities [count, classes]: certain in every other row, uniform in the rest."""
    answers = np.full((count, classes), 1 / classes, np.float32)
    answers[::2] = np.eye(classes, dtype=np.float32)[0]
    return answers
