"""How many frames of a camera may be under way, so that its answers are about now."""

from collections import deque
from typing import Final

FRESH_NS: Final = 250_000_000
"""A frame should not spend longer in the pipeline, where that can be had."""
AT_LEAST: Final = 2
"""One is computed while the next one waits; with fewer a worker would wait, too."""
_REMEMBERED: Final = 16


class Freshness:
    """Bounds the frames under way by the rate at which they are answered.

    As many as are under way are answered before the next one: at 1 frame/s, eight of them make each
    answer 8 s old. While fewer are let in, the reader drops what nobody has room for, and what gets
    in is the latest. A consumer that is fast is given more at once, so it is never starved.
    """

    def __init__(self) -> None:
        self._answered_ns: deque[int] = deque(maxlen=_REMEMBERED)

    def answered(self, now_ns: int) -> None:
        """A frame is done."""
        self._answered_ns.append(now_ns)

    def limit(self, now_ns: int, at_most: int) -> int:
        """Frames that may be under way."""
        low = min(AT_LEAST, at_most)
        if not self._answered_ns:
            return low
        passed_ns = max(1, now_ns - self._answered_ns[0])
        in_time = len(self._answered_ns) * FRESH_NS // passed_ns
        return int(min(at_most, max(low, in_time + 1)))
