"""Reads a file's packets without decoding, to find a place in it by number and time."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from pipeline.readers.video import Video

SAME_TIME_S = 1e-4
"""Two timestamps nearer than this count as one; written ones are rounded to microseconds."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A place where decoding may begin."""

    time_s: float
    seek_to: tuple[int, ...]
    """Timestamps to try in turn: some containers seek by presentation time, some by decoding
    time; the wrong one lands too late, which shows at the first picture."""


@dataclass(frozen=True, slots=True)
class Scan:
    """When the pictures of a file are shown, and where decoding may begin."""

    times_s: list[float]
    """One per picture, strictly rising: the number of a picture is its place here."""
    key_frames: list[KeyFrame]
    """In order of time."""
    length_s: float

    def key_frame_before(self, time_s: float) -> KeyFrame | None:
        """The last key frame at or before `time_s`."""
        before = bisect_right(self.key_frames, time_s, key=lambda key: key.time_s)
        return self.key_frames[before - 1] if before else None


def scan(video: Video) -> Scan | None:
    """Read all packets; None when their times do not identify the pictures."""
    shown: list[int] = []
    keys: list[KeyFrame] = []
    for packet in video.packets():
        # Packets before the edit list begins are decoded but never shown; the last one is empty.
        if packet.is_discard or not packet.size:
            continue
        if packet.pts is None:
            return None
        shown.append(packet.pts)
        if packet.is_keyframe:
            seek_to = (packet.pts,) if packet.dts is None else (packet.pts, packet.dts)
            keys.append(KeyFrame(video.seconds(packet.pts), seek_to))
    times_s = sorted(video.seconds(timestamp) for timestamp in shown)
    gaps = [later - earlier for earlier, later in pairwise(times_s)]
    if not times_s or (gaps and min(gaps) <= 2 * SAME_TIME_S):
        return None
    keys.sort(key=lambda key: key.time_s)
    return Scan(times_s, keys, times_s[-1] + video.period_s)
