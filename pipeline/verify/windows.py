"""Windows of answers: where more differ than the limit allows."""

import numpy as np
from numpy.typing import NDArray

from pipeline.verify.document import Windows
from pipeline.verify.run_files import Ints


def windows_of(
    differs: NDArray[np.bool_], stretches: list[slice], size: int, epsilon: float
) -> Windows:
    """Cut each stretch into disjoint windows, the rest of it left out.

    Args:
        differs: for each answer, whether it is not the full network's.
        stretches: of answers; a window lies in one of them.
        size: answers of a window.
        epsilon: limit on the share.
    """
    means: list[float] = []
    for stretch in stretches:
        part = differs[stretch]
        whole = len(part) // size
        means += part[: whole * size].reshape(whole, size).mean(axis=1).tolist()
    return Windows(
        n=len(means),
        above_epsilon=sum(mean > epsilon for mean in means),
        worst=max(means, default=None),
    )


def settled_stretches(source: Ints, phase: NDArray[np.object_], grace: int) -> list[slice]:
    """Stretches in which no source changes its phase, each but the first after a grace.

    A policy serves all sources, so a change of one is a change for all.

    Args:
        source: of each answer, in the order of the results.
        phase: of each answer.
        grace: answers that are left out after a change.
    """
    known: dict[int, str] = {}
    begins = [0]
    for row, (number, name) in enumerate(zip(source.tolist(), phase.tolist(), strict=True)):
        if known.setdefault(number, name) != name:
            known[number] = name
            begins.append(row)
    ends = [*begins[1:], len(source)]
    return [
        slice(min(begin + (grace if begin else 0), end), end)
        for begin, end in zip(begins, ends, strict=True)
    ]
