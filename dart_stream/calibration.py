"""One temperature per exit, so that a confidence of 0.9 is right nine times in ten.

Reference: Guo et al., "On Calibration of Modern Neural Networks", 2017. Calibration makes the
thresholds of different exits comparable; it never changes which class wins.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]

TEMPERATURE_RANGE = (0.05, 20.0)


def fit_temperatures(logits: Floats, labels: Labels) -> list[float]:
    """Temperature of each exit that gives the labels the highest likelihood.

    Args:
        logits: of pictures that were not trained on, [exits, N, classes].
        labels: class of each picture, [N].

    Returns:
        One number per exit within `TEMPERATURE_RANGE`; a bound is returned where the likelihood
        has no optimum inside, as when an exit is right on every picture.
    """
    return [_fit_temperature(exit_logits, labels) for exit_logits in logits]


def calibrated_probabilities(logits: Floats, temperatures: list[float]) -> NDArray[np.float64]:
    """Softmax of logits / temperature, [exits, N, classes]."""
    scale = np.asarray(temperatures, np.float64)[:, None, None]
    return _softmax(np.asarray(logits, np.float64) / scale)


def expected_calibration_error(probabilities: Floats, labels: Labels, *, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over equally wide bins, in [0, 1].

    Args:
        probabilities: of one exit, [N, classes].
        labels: class of each picture, [N].
        bins: number of bins; 15 is what the literature quotes.
    """
    confidence = probabilities.max(1)
    correct = probabilities.argmax(1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(index, weights=confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def _fit_temperature(logits: Floats, labels: Labels) -> float:
    """Bisection on the slope of the likelihood, which is concave in 1 / temperature."""
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


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
