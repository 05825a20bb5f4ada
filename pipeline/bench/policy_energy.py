"""Joules of policies, each run for real, in turn with the others.

Reference: DART Eq. 21 and 22, from a sensor; where there is none, nothing stands in its place.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from pipeline.power import PowerMeter

_ROUNDS: Final = 2
_AT_LEAST_S: Final = 0.5
"""Of one policy at a time: counters tick every 20 to 100 ms."""


def measure_energy_j(
    passes: Sequence[Callable[[], object]], meter: PowerMeter
) -> list[float] | None:
    """Joules of one pass of each; all of the machine's power counts, whoever uses it.

    Args:
        passes: what to run.
        meter: to read.

    Returns:
        None where the machine has no sensor, or one stopped to answer.
    """
    meter.sample(time.monotonic())  # what comes later counts from here
    joules, runs = [0.0] * len(passes), [0] * len(passes)
    for _ in range(_ROUNDS):
        for index, step in enumerate(passes):
            step()
            before_j = meter.sample(time.monotonic()).energy_j
            if before_j is None:
                return None
            until_s = time.monotonic() + _AT_LEAST_S
            while time.monotonic() < until_s:
                step()
                runs[index] += 1
            after_j = meter.sample(time.monotonic()).energy_j
            if after_j is None:
                return None
            joules[index] += after_j - before_j
    return [total / count for total, count in zip(joules, runs, strict=True)]
