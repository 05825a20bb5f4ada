"""Effects in turn on a batch of crops."""

import numpy as np

from pipeline.perturb.effect import Crops, Draw
from pipeline.perturb.grammar import Steps
from pipeline.perturb.registry import EFFECTS


def apply_steps(crops: Crops, steps: Steps, draw: Draw) -> Crops:
    """Apply effects in turn; the crops are copied, never written to.

    Args:
        crops: uint8 (n, height, width, 3).
        steps: effects with their severities.
        draw: chance and progress of each crop.
    """
    levels = crops.astype(np.float32)
    for name, severity in steps:
        levels = EFFECTS[name](levels, severity, draw)
    return np.rint(levels).clip(0, 255).astype(np.uint8)
