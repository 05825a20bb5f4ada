"""Time functions side by side, so that a machine's mood touches all of them alike."""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

MIN_INTERVAL_SAMPLES = 6
"""With fewer, not even the smallest and the largest sample enclose the median with 95 %."""


def interleaved_ms(
    functions: Sequence[Callable[[], object]], *, repeats: int, device: torch.device
) -> NDArray[np.float64]:
    """Return every reading in milliseconds, (repeats, functions).

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
    return times_s[1:] * 1e3


def interleaved_median_ms(
    functions: Sequence[Callable[[], object]], *, repeats: int, device: torch.device
) -> list[float]:
    """Return each function's median time in milliseconds; arguments as `interleaved_ms`."""
    times_ms = interleaved_ms(functions, repeats=repeats, device=device)
    medians: list[float] = np.median(times_ms, axis=0).tolist()
    return medians


def median_interval(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interval that holds the median with at least 95 %, whatever the distribution.

    Args:
        samples: (n, ...), independent along the first axis, n at least `MIN_INTERVAL_SAMPLES`.

    Returns:
        (..., 2): the j-th smallest and the j-th largest sample, j as large as 95 % allow.

    Raises:
        ValueError: too few samples.

    Reference: David and Nagaraja, "Order Statistics", 2003, section 7.1.
    """
    n = len(samples)
    if n < MIN_INTERVAL_SAMPLES:
        raise ValueError(f"expected at least {MIN_INTERVAL_SAMPLES} samples, got {n}")
    ordered = np.sort(samples, axis=0)
    rank = _outer_rank(n)
    return np.stack([ordered[rank], ordered[n - 1 - rank]], axis=-1)


def _outer_rank(n: int) -> int:
    """Largest j for which P(fewer than j + 1 of n samples lie below the median) <= 2.5 %."""
    below, rank = 0.0, -1
    while below + math.comb(n, rank + 1) / 2**n <= 0.025:
        rank += 1
        below += math.comb(n, rank) / 2**n
    return rank


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
