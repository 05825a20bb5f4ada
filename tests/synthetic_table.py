"""Exit tables whose deeper exits are surer and right more often."""

import numpy as np

from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable


def costs_of(exits):
    """Later stages cost more; heads and the estimator cost enough to be noticed."""
    return Costs(
        stages=[10.0 + 10 * k for k in range(exits)],
        heads=[1.0 + 0.5 * k for k in range(exits)],
        estimator=0.7,
    )


def synthetic_table(count=240, exits=3, seed=0, labelled=True, classes=5, **changes):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    signal = 3 * np.eye(classes)[labels] + generator.normal(0, 1, (count, classes))
    spread = np.linspace(2.5, 0.2, exits)[:, None]
    logits = signal[:, None] + spread * generator.normal(0, 1, (count, exits, classes))
    fields = {
        "logits": logits.astype(np.float32),
        "temperatures": (1.0,) * exits,
        "labels": labels if labelled else None,
        "difficulty": generator.random(count).astype(np.float32),
        "alpha": generator.random(count).astype(np.float32),
        "macs": costs_of(exits),
        "classes": tuple("abcdefghij"[:classes]),
        "source": "synthetic",
    }
    return ExitTable(**(fields | changes))
