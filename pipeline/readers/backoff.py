"""How long to wait before a camera is asked again."""

import random


class Backoff:
    """Waits that double up to a cap, with jitter, so that many cameras do not come back at once.

    Args:
        first_s: After a connection that had held.
        cap_s: At most.
        rng: Draws the jitter: each wait lies between half and the whole of its nominal length.
    """

    def __init__(self, first_s: float, cap_s: float, rng: random.Random | None = None) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._rng = rng or random.Random()
        self._nominal_s = 0.0

    def next(self, held_s: float) -> float:
        """Seconds to wait now.

        Args:
            held_s: How long the last connection gave pictures; longer than the wait before it
                and the next wait is short again. A camera that gives one picture and hangs up
                is asked ever less often.
        """
        if held_s > self._nominal_s:
            self._nominal_s = 0.0
        grown_s = 2 * self._nominal_s if self._nominal_s else self._first_s
        self._nominal_s = min(grown_s, self._cap_s)
        return self._nominal_s * self._rng.uniform(0.5, 1.0)
