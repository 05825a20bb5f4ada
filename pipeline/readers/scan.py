"""Reads a file's packets without decoding, to find a place in it by number and time."""

from dataclasses import dataclass
from itertools import pairwise

from pipeline.readers.video import Video

SAME_TIME_S = 1e-4
"""Two timestamps nearer than this count as one; written ones are rounded to microseconds."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A place where decoding may begin."""

    time_s: float
    timestamp: int
    """What to seek to, in units of the stream."""
    packets_before: int


@dataclass(frozen=True, slots=True)
class Scan:
    """When the pictures of a file are shown, and where decoding may begin."""

    times_s: list[float]
    """One per picture, strictly rising: the number of a picture is its place here."""
    key_frames: list[KeyFrame]
    length_s: float

    def key_frame_before(self, time_s: float) -> KeyFrame | None:
        """The last key frame at or before `time_s`."""
        before = [key for key in self.key_frames if key.time_s <= time_s]
        return max(before, key=lambda key: key.time_s, default=None)


def scan(video: Video) -> Scan | None:
    """Read all packets; None when their times do not identify the pictures."""
    shown: list[int] = []
    keys: list[tuple[int, int, int]] = []
    for number, packet in enumerate(p for p in video.packets() if p.size):
        if packet.is_discard:  # before the edit list begins: decoded but never shown
            continue
        if packet.pts is None:
            return None
        shown.append(packet.pts)
        if packet.is_keyframe:
            # Some containers seek by decoding time, some by presentation time.
            dts = packet.pts if packet.dts is None else packet.dts
            keys.append((packet.pts, min(packet.pts, dts), number))
    times_s = sorted(video.seconds(timestamp) for timestamp in shown)
    gaps = [later - earlier for earlier, later in pairwise(times_s)]
    if not times_s or (gaps and min(gaps) <= 2 * SAME_TIME_S):
        return None
    key_frames = [KeyFrame(video.seconds(pts), seek_to, before) for pts, seek_to, before in keys]
    return Scan(times_s, key_frames, times_s[-1] + video.period_s)
