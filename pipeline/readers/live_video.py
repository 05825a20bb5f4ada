"""A network stream as it plays: its own clock, a watch on its pictures, a decoder in hardware."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from pipeline.config import SourceConfig
from pipeline.readers.hardware import decoding, find_hardware
from pipeline.readers.timeline import Timeline
from pipeline.readers.video import Video
from pipeline.redact import redact

if TYPE_CHECKING:
    import av

_UNTIMED_FORMATS: Final = frozenset({"mpjpeg", "mjpeg", "jpeg_pipe", "h264", "hevc", "m4v"})
"""They carry no timestamps: FFmpeg makes them up from an assumed rate."""


class LiveVideo(Video):
    """One connection to a camera.

    It ends with a `failure` when no picture has come for `stall_after_s`, whatever else arrives.

    Args:
        uri: Of the camera.
        config: Time-outs, and what decodes.
        options: For the demuxer and protocol.
        threads: Of the decoder.
        clock: Seconds, monotonic.

    Raises:
        SourceError: It cannot be opened or holds no video.
    """

    def __init__(
        self,
        uri: str,
        config: SourceConfig,
        *,
        options: dict[str, str],
        threads: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        found = find_hardware(config.hwaccel)
        super().__init__(
            uri,
            name=redact(uri),
            threads=threads,
            # Otherwise it measures the rate over 20 frames, which nobody asks for: 2 s at 10 fps.
            options={"fpsprobesize": "0"} | options,
            timeout_s=(config.open_timeout, config.stall_after),
            accelerator=found.accelerator,
        )
        # Decoding frames in parallel would hold back as many frames as there are threads.
        self._stream.codec_context.thread_type = "SLICE"
        # Sound that goes on must not hide that pictures have stopped, so it is read too.
        self._demuxed = list(self._container.streams)
        self._stall_after_s = config.stall_after
        self._clock = clock
        self._shown_s = clock()
        self._timeline = Timeline()
        self._is_timed = self._container.format.name not in _UNTIMED_FORMATS
        codec = self._stream.codec_context
        self.description = f"{codec.name} decoded {decoding(found, is_used=codec.is_hwaccel)}"
        """Codec, and what decodes it."""

    @property
    def clock_jumps(self) -> int:
        """How often its timestamps have jumped."""
        return self._timeline.jumps

    def packets(self) -> Iterator["av.Packet[av.VideoStream]"]:
        """Read packets for as long as pictures come of them."""
        self._shown_s = self._clock()
        for packet in super().packets():
            if self._clock() - self._shown_s > self._stall_after_s:
                self.failure = self._stall
                return
            if packet.stream_index == self._stream.index:
                yield packet
        if self.failure is not None and self._clock() - self._shown_s >= self._stall_after_s:
            self.failure = self._stall

    def _time_of(self, frame: "av.VideoFrame | None") -> float:
        if frame is None:
            return self._last_s or 0.0
        self._shown_s = self._clock()
        stream_s = None
        if self._is_timed and frame.pts is not None:
            stream_s = float(frame.pts * self._stream.time_base)
        self._last_s = self._timeline.at(stream_s, self._shown_s)
        return self._last_s

    @property
    def _stall(self) -> str:
        return f"no picture for {self._stall_after_s:g} s"
