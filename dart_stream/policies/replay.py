"""What a policy would have decided, from recorded answers of all exits."""

import numpy as np
from numpy.typing import NDArray

from dart_stream.policies.policy import ExitObservation, Policy


def replay(
    policy: Policy, probabilities: NDArray[np.float32], difficulty: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the exit (n,) at which each region would have stopped.

    The engine shows a policy the same numbers, so on recorded probabilities this agrees with it
    to the last bit.

    Args:
        policy: fits the number of exits and classes.
        probabilities: (n, exits, classes), calibrated, every exit's answer.
        difficulty: (n,) in the policy's `difficulty_mode`.
    """
    n, num_exits, num_classes = probabilities.shape
    policy.require_fit(num_exits, num_classes)
    labels = probabilities.argmax(axis=2)
    heads = [k for k in range(num_exits - 1) if policy.watches(k)]
    history = np.full((n, num_exits), -1, dtype=np.int64)
    history[:, heads] = labels[:, heads]
    exits = np.full(n, num_exits - 1, dtype=np.int64)
    rows = np.arange(n)
    for k in heads:
        at_exit = probabilities[rows, k]
        seen = ExitObservation(
            exit_index=k,
            confidence=at_exit.max(axis=1),
            label_id=labels[rows, k],
            difficulty=difficulty[rows],
            probabilities=at_exit,
            label_history=history[rows, :k],
        )
        fired = policy.fires(seen)
        exits[rows[fired]] = k
        rows = rows[~fired]
    return exits
