"""H.264 in fragmented MP4: what is written stays playable wherever its writer is killed."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeAlias

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.sinks.video_bytes import VideoBytes

Pixels = NDArray[np.uint8]
_Packet: TypeAlias = "av.Packet[av.VideoStream]"

TICKS_PER_S: Final = 90_000
_ENCODER: Final = "libx264"
_FRAGMENT_S: Final = 1.0
"""A picture that stands alone begins a fragment so often; a death costs no more than the last."""
_LONGEST_TICKS: Final = 6 * 3_600 * TICKS_PER_S
"""So long may a picture stand: MP4 takes durations below 2^31 ticks, here 6.6 hours."""
_BT601: Final = 6
"""Number of the colour matrix that the conversion below uses (SMPTE 170M)."""
_LIMITED: Final = 1


def check_encoder() -> None:
    """Look whether this build of FFmpeg can write H.264.

    Raises:
        ConfigError: It cannot.
    """
    if _ENCODER not in av.codecs_available:
        raise ConfigError(
            f"sinks: video needs the encoder {_ENCODER}, PyAV {av.__version__} was built without "
            "it; install the wheel `av` from the package index"
        )


class VideoFile:
    """Writes one file. It begins at 0; between its frames lies the time that lay there before.

    Of a gap of more than six hours six are kept, and what comes later is that much earlier.

    Args:
        path: Does not exist yet.
        size: Width and height in pixels, both even.
        quality: Constant rate factor, 0 (best) to 51.
        threads: Of the encoder.
        comment: Stands in the file's metadata.

    Attributes:
        frames: Added so far.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], *, quality: int, threads: int, comment: str = ""
    ) -> None:
        # Every fragment goes to the file whole, at once, and the header says nothing of the length.
        flags = "frag_keyframe+empty_moov+default_base_moof"
        options = {"movflags": flags, "flush_packets": "1"}
        self._bytes = VideoBytes(path)
        self._container = av.open(self._bytes, "w", format="mp4", options=options)
        self._container.metadata["comment"] = comment
        tuning = {
            "preset": "veryfast",
            "crf": str(quality),
            "tune": "zerolatency",  # no picture waits in the encoder for the next
            "x264-params": "scenecut=0:sliced-threads=0",
        }
        self._stream = self._container.add_stream(_ENCODER, options=tuning)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = Fraction(1, TICKS_PER_S)
        context = self._stream.codec_context
        context.time_base = self._stream.time_base
        context.thread_count = threads
        context.gop_size = 1_000_000  # by time, below
        context.colorspace, context.color_range = _BT601, _LIMITED
        self._reformatter = VideoReformatter()
        self.frames = 0
        self._held: _Packet | None = None
        self._start_ticks: int | None = None
        self._last_ticks = -1
        self._duration = TICKS_PER_S // 25
        self._key_due_ticks = 0

    @property
    def size_bytes(self) -> int:
        """Of what is in the file."""
        return self._bytes.size

    def add(self, pixels: Pixels, pts_s: float) -> None:
        """Encode a frame: RGB uint8 of shape (height, width, 3), at its source time in seconds.

        Raises:
            OSError: The file takes no more; it is closed, and ends in the middle of something.
        """
        ticks = self._ticks(pts_s)
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame = self._reformatter.reformat(
            picture, format="yuv420p", dst_colorspace=_BT601, dst_color_range=_LIMITED, threads=1
        )
        frame.pts, frame.time_base = ticks, self._stream.time_base
        if ticks >= self._key_due_ticks:
            frame.pict_type = av.video.frame.PictureType.I
            self._key_due_ticks = ticks + round(_FRAGMENT_S * TICKS_PER_S)
        self._mux(self._stream.encode(frame))
        if self._bytes.failure is not None:
            self.close()  # which raises it
        self.frames += 1

    def close(self) -> None:
        """Write what is held back and the end of the file.

        Raises:
            OSError: The file took less than all.
        """
        self._mux(self._stream.encode(None))
        if self._held is not None:
            self._held.duration = self._duration
            self._container.mux(self._held)
        self._container.close()
        self._bytes.close()
        if self._bytes.failure is not None:
            raise self._bytes.failure

    def _ticks(self, pts_s: float) -> int:
        """Since the first frame; strictly rising, as the format wants it."""
        ticks = round(pts_s * TICKS_PER_S)
        if self._start_ticks is None:
            self._start_ticks = ticks
        ticks = max(ticks - self._start_ticks, self._last_ticks + 1)
        if self._last_ticks >= 0:
            too_long = max(0, ticks - self._last_ticks - _LONGEST_TICKS)
            self._start_ticks += too_long
            ticks -= too_long
            self._duration = ticks - self._last_ticks
        self._last_ticks = ticks
        return ticks

    def _mux(self, packets: list[_Packet]) -> None:
        """How long a picture stands is known when the next one comes."""
        for packet in packets:
            if self._held is not None and packet.pts is not None and self._held.pts is not None:
                self._held.duration = packet.pts - self._held.pts
                self._container.mux(self._held)
            self._held = packet


def mend(path: Path) -> None:
    """Cut a half-written index from the end of a killed writer's file; few players get past one.

    A fragment is an index (`moof`) and its pictures (`mdat`); of half of the latter as much can be
    played as is there.
    """
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        begin = 0
        while begin < size:
            file.seek(begin)
            head = file.read(8)
            end = begin + max(8, int.from_bytes(head[:4], "big"))
            if end > size and head[4:] != b"mdat":
                file.truncate(begin)
                return
            begin = end


def kept_frames(path: Path) -> int:
    """How many frames of a file can be played, whether its writer closed it or was killed."""
    frames = 0
    try:
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                frames += packet.pts is not None and not packet.is_corrupt
    except (av.FFmpegError, IndexError):
        return frames  # it ends in the middle of something
    return frames
