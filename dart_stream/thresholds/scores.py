"""What thresholds are compared with: the logit of an exit's confidence, less what difficulty asks.

Reference: DART Eq. 19.
Differs from the paper: on the logit scale, with difficulty centred; see `policies.DartPolicy`.
"""

from typing import Final

import numpy as np

from dart_stream.exit_table import ExitTable
from dart_stream.thresholds.grid import Floats

_CERTAIN: Final = 40.0
"""Score of a confidence that has been rounded to 1, which every threshold lets go: above the logit
of any other float32."""

_ENDS: Final = 1e-15
"""Distance to 0 and 1 at which thresholds are cut off."""


def exit_scores(table: ExitTable, beta: float) -> Floats:
    """Logit of the confidence less what difficulty asks for, [N, early exits].

    An exit with threshold tau fires where the score is at least logit tau; see
    `policies.DartPolicy`.
    """
    p = table.confidence[:, :-1].astype(np.float64)
    is_certain = p >= 1
    p = np.where(is_certain, 0.5, np.maximum(p, _ENDS))
    asked = beta * (table.difficulty.astype(np.float64) - 0.5)[:, None]
    scores: Floats = np.where(is_certain, _CERTAIN, np.log(p) - np.log1p(-p) - asked)
    return scores


def probability_of(cut: float) -> float:
    """Threshold tau in (0, 1) with logit tau = `cut`, as a policy takes it."""
    return float(np.clip(1 / (1 + np.exp(-cut)), _ENDS, 1 - _ENDS))
