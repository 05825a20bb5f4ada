"""Time functions side by side, so that a machine's mood touches all of them alike."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch


def interleaved_median_ms(
    functions: Sequence[Callable[[], object]], *, repeats: int, device: torch.device
) -> list[float]:
    """Return each function's median time in milliseconds.

    Args:
        functions: called in turn, `repeats` rounds after one round that does not count.
        repeats: at least 1.
        device: waited for before each reading of the clock, if it works on its own.
    """
    times_s = np.empty((repeats + 1, len(functions)))
    for round_times in times_s:
        for index, function in enumerate(functions):
            _wait(device)
            start = time.perf_counter()
            function()
            _wait(device)
            round_times[index] = time.perf_counter() - start
    medians: list[float] = (np.median(times_s[1:], axis=0) * 1e3).tolist()
    return medians


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
