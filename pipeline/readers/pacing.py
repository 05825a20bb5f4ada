"""Plays a file at the speed of its own timestamps."""

import time
from collections.abc import Callable, Iterable, Iterator

from pipeline.readers.base import Frame, Wait


def paced(
    frames: Iterable[Frame], wait: Wait, clock: Callable[[], float] = time.monotonic
) -> Iterator[Frame]:
    """Hand out each frame no earlier than its time relative to the first.

    A frame counts as captured when it is handed out: like a camera's, its latency begins then. A
    late frame is handed out at once, and the schedule stays, so a pause is made up for.

    Args:
        frames: In order of time.
        wait: Ends the iteration when it says that reading must stop.
        clock: Seconds, monotonic.
    """
    begin_s: float | None = None
    for frame in frames:
        now_s = clock()
        if begin_s is None:
            begin_s = now_s - frame.pts_s
        delay_s = begin_s + frame.pts_s - now_s
        if delay_s > 0 and wait(delay_s):
            return
        frame.stamp()
        yield frame
