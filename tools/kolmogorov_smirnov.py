"""The Kolmogorov-Smirnov test against the uniform distribution, for the tools beside it."""

import math
from typing import Any

import numpy as np


def kolmogorov_smirnov(values: Any) -> dict[str, float]:
    """Largest distance to the uniform distribution, and the chance of a larger one if it were.

    Reference: asymptotic distribution of Kolmogorov, 1933, with Stephens' correction, 1970.
    """
    n = len(values)
    ordered = np.sort(values.astype(np.float64))
    ranks = np.arange(1, n + 1) / n
    distance = float(max((ranks - ordered).max(), (ordered - ranks + 1 / n).max()))
    scaled = (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * distance
    terms = [(-1) ** (k - 1) * math.exp(-2 * k * k * scaled * scaled) for k in range(1, 101)]
    return {"ks_distance": distance, "ks_p": min(1.0, max(0.0, 2 * sum(terms)))}
