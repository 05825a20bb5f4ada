"""What is run when the time of policies is taken."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dart_stream.engine.policy_times import time_policies
from dart_stream.policies import DartPolicy, FullDepthPolicy


class Tables:
    """Counts the pictures whose difficulty is asked for."""

    def __init__(self):
        self.estimated = 0

    def score(self, images):
        self.estimated += len(images)
        return np.full(len(images), 0.9, np.float32)


@pytest.mark.parametrize(
    ("policy", "reads"),
    [
        (DartPolicy(thresholds=(0.8,), beta=1.0), True),
        (DartPolicy(thresholds=(0.8,), beta=0.0), False),
        (FullDepthPolicy(), False),
    ],
)
def test_difficulty_is_estimated_only_for_who_reads_it(policy, reads):
    tables, shown = Tables(), []
    engine = SimpleNamespace(
        device=torch.device("cpu"),
        run=lambda images, difficulty, _policy: shown.append((len(images), set(difficulty))),
    )
    images = np.zeros((5, 2, 2, 3), np.uint8)
    times = time_policies(engine, images, [policy], tables, batch_size=4, repeats=1)
    assert times.shape == (1, 1)
    assert tables.estimated == (10 if reads else 0)  # five pictures, and a round of warming up
    assert shown == 2 * [(4, {np.float32(0.9 if reads else 0.5)}), (1, shown[1][1])]
