"""One temperature per exit, so that a confidence of 0.9 is right nine times in ten.

A temperature divides the logits of an exit; it makes the thresholds of different exits comparable
and never changes which class wins. It can be fitted on all pictures or on those that reach the
exit: the latter, the harder ones, are what an exit answers for in use.

Reference: Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]

TEMPERATURE_RANGE = (0.05, 20.0)
MIN_PICTURES = 200  # fewer survivors than this say too little to fit an exit on them


def fit_temperatures(logits: Floats, labels: Labels, reached: Mask | None = None) -> list[float]:
    """Temperature of each exit that gives the labels the highest likelihood.

    Args:
        logits: of pictures that were not trained on, [exits, N, classes].
        labels: class of each picture, [N].
        reached: which pictures count at each exit, [exits, N] (see `survivors`); None for all. An
            exit that fewer than `MIN_PICTURES` of them reach is fitted on all.

    Returns:
        One number per exit within `TEMPERATURE_RANGE`; a bound is returned where the likelihood
        has no optimum inside, as when an exit is right on every picture.
    """
    masks = np.ones(logits.shape[:2], np.bool_) if reached is None else reached
    return [
        fit_temperature(exit_logits[mask], labels[mask])
        for exit_logits, mask in zip(logits, large_enough(masks), strict=True)
    ]


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """Temperature of one exit: logits [N, classes], labels [N]; see `fit_temperatures`.

    Bisection on the slope of the likelihood, which is concave in 1 / temperature.
    """
    exact = np.asarray(logits, np.float64)
    target = exact[np.arange(len(labels)), labels].mean()

    def too_hot(temperature: float) -> bool:
        probabilities = _softmax(exact / temperature)
        return bool((probabilities * exact).sum(1).mean() <= target)

    low, high = np.log(TEMPERATURE_RANGE)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if too_hot(float(np.exp(middle))) else (middle, high)
    return round(float(np.exp((low + high) / 2)), 6)


def calibrated_probabilities(logits: Floats, temperatures: list[float]) -> NDArray[np.float64]:
    """Softmax of logits / temperature, [exits, N, classes]."""
    scale = np.asarray(temperatures, np.float64)[:, None, None]
    return _softmax(np.asarray(logits, np.float64) / scale)


def survivors(probabilities: Floats, thresholds: Sequence[float | None]) -> Mask:
    """Tell which pictures reach each exit, [exits, N], under thresholds on confidence.

    Args:
        probabilities: calibrated, [exits, N, classes].
        thresholds: one per early exit; a picture leaves where its confidence reaches it, and
            never where it is None.
    """
    stays = probabilities[:-1].max(2) < limits(thresholds)[:, None]
    everyone = np.ones((1, probabilities.shape[1]), np.bool_)
    return np.concatenate([everyone, np.logical_and.accumulate(stays, axis=0)])


def limits(thresholds: Sequence[float | None]) -> NDArray[np.float64]:
    """Thresholds to compare confidences with: that of a disabled exit is beyond reach."""
    return np.asarray([np.inf if value is None else value for value in thresholds], np.float64)


def large_enough(reached: Mask) -> Mask:
    """Pictures to fit each exit on, [exits, N]: all, where fewer than `MIN_PICTURES` reach it."""
    too_few: Mask = reached.sum(1, keepdims=True) < MIN_PICTURES
    return reached | too_few


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
