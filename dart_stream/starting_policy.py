"""Rough thresholds: to tell who reaches an exit, and for models with hardly any held-out pictures.

A plain joint grid search that gives one point, no frontier and no certificate; `thresholds` is the
real thing.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dart_stream.calibration import limits
from dart_stream.costs import Costs
from dart_stream.macs import Macs
from dart_stream.policies import Policy

MAX_CANDIDATES: Final = 16_000
_MAX_JOINT: Final = 9
"""Early exits of which two levels each, and None, are about as many."""
_MAX_LEVELS: Final = 64
_SMALLEST = 1e-6


def choose_thresholds(
    probabilities: NDArray[np.floating], macs: Macs, max_disagreement: float
) -> list[float | None]:
    """Thresholds on confidence, one per early exit, with the fewest MACs on a grid.

    None disables an exit; if nothing else stays within `max_disagreement`, all are disabled.

    Args:
        probabilities: calibrated, of pictures that were not trained on, [exits, N, classes].
        macs: of the model's parts.
        max_disagreement: largest share of these pictures whose answer may differ from the
            full-depth one. On others it may be exceeded: this is a choice, not a certificate.
    """
    confidence, answers = probabilities.max(2), probabilities.argmax(2)
    differs = answers != answers[-1]
    costs = Costs(stages=list(macs.stages), heads=list(macs.heads))
    best_cost = np.inf
    best: tuple[float | None, ...] = (None,) * (len(confidence) - 1)
    for thresholds in _grid(confidence[:-1]):
        leaves_at = _exit_of(confidence, thresholds)
        mean_cost = costs.up_to_exit([tau is not None for tau in thresholds])[leaves_at].mean()
        if mean_cost < best_cost and _picked(differs, leaves_at).mean() <= max_disagreement:
            best_cost, best = mean_cost, thresholds
    return list(best)


def starting_policy(policy: Policy, selection: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `policy.json` where there is no frontier and no certificate."""
    return {
        "format_version": 1,
        "frontier": [],
        "chosen": policy.to_dict(),
        "certificate": None,
        "selection": dict(selection),
    }


def _grid(confidence: NDArray[np.floating]) -> Iterable[tuple[float | None, ...]]:
    """Vectors of evenly spaced quantiles of each early exit's confidence, and None.

    Within (0, 1), because a confidence may round to 1 and policies take no such threshold.
    """
    early = len(confidence)
    if early > _MAX_JOINT:
        return _one_level_from_an_exit_on(confidence)
    levels = max(2, int(MAX_CANDIDATES ** (1 / max(1, early))))
    columns = _quantiles(confidence, min(levels, _MAX_LEVELS)).T
    return itertools.product(*([*np.unique(column).tolist(), None] for column in columns))


def _one_level_from_an_exit_on(
    confidence: NDArray[np.floating],
) -> Iterator[tuple[float | None, ...]]:
    """The same quantile at every exit, the first ones disabled: as many as there is time for."""
    early = len(confidence)
    rows = _quantiles(confidence, min(MAX_CANDIDATES // early, _MAX_LEVELS)).tolist()
    for row, first in itertools.product(rows, range(early)):
        yield (*[None] * first, *row[first:])


def _quantiles(confidence: NDArray[np.floating], levels: int) -> NDArray[np.floating]:
    quantiles = np.quantile(confidence, np.linspace(0, 1, levels), axis=1)
    inside: NDArray[np.floating] = np.clip(quantiles, _SMALLEST, 1 - _SMALLEST)
    return inside


def _exit_of(confidence: NDArray[np.floating], thresholds: Sequence[float | None]) -> Any:
    """Index of the first exit whose confidence reaches its threshold, [N]."""
    fires = confidence[:-1] >= limits(thresholds)[:, None]
    last = np.full(confidence.shape[1], len(confidence) - 1)
    return np.where(fires.any(0), fires.argmax(0), last) if len(fires) else last


def _picked(per_exit: NDArray[Any], leaves_at: NDArray[np.int64]) -> NDArray[Any]:
    """Entry of each picture at the exit where it leaves, [N]."""
    return per_exit[leaves_at, np.arange(per_exit.shape[1])]
