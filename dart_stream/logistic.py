"""Logistic regression by Newton's method."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NEWTON_STEPS = 50


def fit_logistic(inputs: Floats, target: Floats, ridge: Floats) -> Floats:
    """Coefficients [F] of highest likelihood less a penalty on their squares.

    Args:
        inputs: [N, F], a column of ones among them if there is to be an offset.
        target: [N], chance of the outcome 1.
        ridge: [F], not negative; half of it times a coefficient's square is added to the mean loss.
            A little keeps the system solvable where columns are equal or constant.
    """
    coefficients = np.zeros(inputs.shape[1])
    for _ in range(_NEWTON_STEPS):
        expected = logistic(inputs @ coefficients)
        gradient = inputs.T @ (target - expected) / len(target) - ridge * coefficients
        weight = expected * (1 - expected)
        curvature = (inputs * weight[:, None]).T @ inputs / len(target) + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        coefficients += step / max(1.0, float(np.abs(step).max()))  # far away Newton overshoots
        if np.abs(step).max() < 1e-10:
            break
    return coefficients


def drawn_in(outcomes: NDArray[np.bool_]) -> Floats:
    """Targets a little inside 0 and 1, so that an outcome that never varies has an optimum too.

    Reference: Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    hits = int(outcomes.sum())
    return np.where(outcomes, (hits + 1) / (hits + 2), 1 / (len(outcomes) - hits + 2))


def logistic(log_odds: Floats) -> Floats:
    """Chance that belongs to log-odds."""
    return 0.5 * (1 + np.tanh(log_odds / 2))
