"""Whether a file was played as it is: each frame at its own time, pass after pass."""

from typing import Final

import msgspec

from pipeline.config import SourceConfig
from pipeline.readers import open_reader

_WITHIN_S: Final = 1e-3
"""Times are written to a microsecond; a frame is far longer than this."""
_MOST_FRAMES: Final = 200_000
"""Of one pass: two hours of a film. A longer one is not read again."""


def timeline_problem(source: SourceConfig, frames: list[int], pts_s: list[float]) -> str | None:
    """Compare the frames of a run with those of an undisturbed pass; None if they are the same.

    A reader that was killed and has gone on at a wrong place would show it here: its frames would
    be numbered through and carry the times of others.

    Args:
        source: A recorded one.
        frames: Numbers, rising.
        pts_s: Time of each.
    """
    once_s = _pass_of(source, (frames[-1] + 1) if frames else 0)
    if once_s is None or not frames:
        return None
    if not once_s:
        return f"{len(frames)} frames have answers, an undisturbed pass has none"
    length_s: float | None = None
    for frame, time_s in zip(frames, pts_s, strict=True):
        passes, place = divmod(frame, len(once_s))
        if passes and length_s is None:
            length_s = (time_s - once_s[place]) / passes
        expected_s = once_s[place] + passes * (length_s or 0.0)
        if abs(time_s - expected_s) > _WITHIN_S * max(1, passes):
            return f"frame {frame} is at {time_s:.3f} s, an undisturbed pass has {expected_s:.3f} s"
    return None


def _pass_of(source: SourceConfig, needed: int) -> list[float] | None:
    """Times of an undisturbed pass, of no more frames than needed; None if it is too long."""
    plain = msgspec.structs.replace(
        source, loop=False, realtime=False, stride=1, max_fps=None, start=0.0, perturb=None
    )
    reader = open_reader(plain)
    times_s: list[float] = []
    try:
        for frame in reader.frames():
            if len(times_s) == needed:
                break
            if len(times_s) >= _MOST_FRAMES:
                return None
            times_s += [frame.pts_s] * (frame.index - len(times_s) + 1)
    finally:
        reader.close()
    return times_s
