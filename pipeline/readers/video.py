"""One video container, opened by FFmpeg: pictures with times, and what was wrong with it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.codec.hwaccel import HWAccel
from av.error import ExitError, FFmpegError, InvalidDataError

from pipeline.errors import SourceError
from pipeline.readers.lost_pictures import LostPictures
from pipeline.redact import redact

_DEFAULT_RATE: Final = Fraction(25)
"""For streams that tell neither times nor a rate."""
_MAX_READ_FAILURES: Final = 20
"""Failed reads in a row after which the rest is given up."""
_NOT_VIDEO_FORMATS: Final = frozenset({"tty", "bin", "adf", "idf", "xbin"})
"""FFmpeg draws any text file as a picture; nobody means that."""


@dataclass(slots=True)
class Picture:
    """One output of the decoder."""

    frame: av.VideoFrame | None
    """None where a packet or picture could not be decoded; it keeps its number all the same."""
    pts_s: float
    """Seconds since the start of the stream; never falls."""
    decode_ms: float


class Video:
    """The first video stream of a file or URL.

    Args:
        url: For FFmpeg; local paths carry the prefix `file:`, so that a colon is no protocol.
        name: What messages call it, without credentials.
        threads: Of the decoder.
        options: For the demuxer and protocol.
        timeout_s: To open and for each read, or one for each of the two; None waits.
        accelerator: Hardware to decode with where it can.

    Raises:
        SourceError: It cannot be opened or holds no video.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        threads: int = 1,
        options: dict[str, str] | None = None,
        timeout_s: float | tuple[float, float] | None = None,
        accelerator: HWAccel | None = None,
    ) -> None:
        self.name = name
        self.failure: str | None = None
        """What broke off reading, None for a regular end."""
        self._container = _open(url, name, options or {}, timeout_s, accelerator)
        try:
            self._stream = _video_stream(self._container, name)
        except SourceError:
            self._container.close()
            raise
        self._stream.codec_context.thread_count = max(1, threads)
        self._stream.codec_context.thread_type = "AUTO"
        self._demuxed = [self._stream]
        self._start: int | None = self._stream.start_time
        self._last_s: float | None = None
        self._last_duration_s = 0.0

    @property
    def period_s(self) -> float:
        """Seconds of one frame at the average rate."""
        rate = self._stream.average_rate or self._stream.guessed_rate or _DEFAULT_RATE
        return float(1 / rate)

    @property
    def length_s(self) -> float:
        """Time of the next frame, if there were one; after the last, the length of the video."""
        return 0.0 if self._last_s is None else self._last_s + self.period_s

    @property
    def endless(self) -> bool:
        """Whether nothing tells a length, as with a live stream over HTTP."""
        return self._container.duration is None and self._stream.duration is None

    def pictures(self) -> Iterator[Picture]:
        """Decode to the end, in the order of presentation."""
        started = time.perf_counter()
        for frame in self._decoded():
            decode_ms = (time.perf_counter() - started) * 1e3
            yield Picture(frame, self._time_of(frame), decode_ms)
            started = time.perf_counter()

    def packets(self) -> Iterator["av.Packet[av.VideoStream]"]:
        """Read all packets of the stream without decoding; one without data comes last."""
        failures = 0
        while failures < _MAX_READ_FAILURES:
            try:
                for packet in self._container.demux(self._demuxed):
                    failures = 0
                    yield packet
            except FFmpegError as error:
                failures += 1
                if not isinstance(error, InvalidDataError):
                    self.failure = _words(error)
                    return
            else:
                return
        self.failure = "no readable data any more"

    def seconds(self, timestamp: int) -> float:
        """A timestamp of the stream as seconds since its start."""
        return max(0.0, float((timestamp - (self._start or 0)) * self._stream.time_base))

    def pictures_from(self, timestamp: int) -> Iterator[Picture]:
        """Decode from the key frame at or before `timestamp` (in units of the stream)."""
        try:
            self._container.seek(timestamp, stream=self._stream, backward=True)
        except FFmpegError:
            return
        self._last_s = None
        yield from self.pictures()

    def shortfall(self, pictures: int) -> str | None:
        """After the last picture: what is missing compared with what the header promised.

        Args:
            pictures: How many the file gave, those passed over and lost ones counted.
        """
        if self.failure is not None:
            return f"file ends early: {self.failure}"
        expected_s = self._promised_s()
        if expected_s is None:
            return None
        reached_s = self.length_s - self.period_s + self._last_duration_s
        frames = self._stream.frames
        if frames:  # a trimmed file holds more frames than it shows, but within its length
            short = pictures < frames and expected_s - reached_s > 0.5 * self.period_s
            got = f"expected {frames} frames, got {pictures}"
        else:  # a length without a count of frames is often rounded up
            short = expected_s - reached_s > max(1.0, 2 * self.period_s)
            got = f"expected {expected_s:.1f} s, got {reached_s:.1f} s"
        return f"file ends early: {got}" if short else None

    def close(self) -> None:
        """Release the decoder and the file; harmless when called twice."""
        self._container.close()

    def _decoded(self) -> Iterator[av.VideoFrame | None]:
        """Pictures in the order of presentation, None in the place of each lost one."""
        lost = LostPictures()
        for packet in self.packets():
            if packet.pts is not None and not packet.is_discard:
                lost.sent(packet.pts)
            try:
                frames = packet.decode()
            except FFmpegError:
                lost.damage()
                if packet.pts is None and packet.size:
                    yield None
            else:
                yield from _with_lost(frames, lost)
        if self.failure is not None:  # reading broke off, so the decoder was not flushed yet
            yield from _with_lost(self._flushed(), lost)
        yield from [None] * lost.ended()

    def _flushed(self) -> list[av.VideoFrame]:
        try:
            return list(self._stream.codec_context.decode(None))
        except FFmpegError:
            return []

    def _time_of(self, frame: av.VideoFrame | None) -> float:
        if frame is None:
            return self._last_s or 0.0
        if frame.pts is None:
            pts_s = self.length_s
        else:
            if self._start is None:
                self._start = frame.pts
            pts_s = self.seconds(frame.pts)
        self._last_s = max(pts_s, self._last_s or 0.0)
        own_s = float((frame.duration or 0) * self._stream.time_base)
        self._last_duration_s = max(own_s, self.period_s)
        return self._last_s

    def _promised_s(self) -> float | None:
        stream = self._stream
        if stream.frames and stream.duration:
            return float(stream.duration * stream.time_base)
        if "DURATION" in stream.metadata:  # Matroska
            return _clock_seconds(stream.metadata["DURATION"])
        return None


def _with_lost(frames: list[av.VideoFrame], lost: LostPictures) -> Iterator[av.VideoFrame | None]:
    for frame in frames:
        if frame.is_corrupt:
            lost.damage()  # its timestamp stays unanswered, which counts it
        elif frame.pts is None:
            yield frame
        elif not lost.is_given_up(frame.pts):
            yield from [None] * lost.shown(frame.pts, key_frame=frame.key_frame)
            yield frame


def _open(
    url: str,
    name: str,
    options: dict[str, str],
    timeout_s: float | tuple[float, float] | None,
    accelerator: HWAccel | None,
) -> Any:
    limit_s = timeout_s[0] if isinstance(timeout_s, tuple) else timeout_s
    began_s = time.monotonic()
    try:
        container = av.open(
            url,
            options=options,
            timeout=timeout_s,
            metadata_errors="replace",
            hwaccel=accelerator,
        )
    except FFmpegError as error:
        # Interrupted, libraries report whatever they happened to be doing.
        if limit_s is not None and time.monotonic() - began_s >= limit_s:
            raise SourceError(f"{name}: cannot be opened (no answer in time)") from error
        if isinstance(error, InvalidDataError):
            raise SourceError(f"{name}: {_why_unreadable(url)}") from error
        raise SourceError(f"{name}: cannot be opened ({_words(error)})") from error
    if container.format.name in _NOT_VIDEO_FORMATS:
        container.close()
        raise SourceError(f"{name}: expected a video, got a text file")
    return container


def _why_unreadable(url: str) -> str:
    """The commonest reasons in words, because FFmpeg says the same of all of them."""
    if not url.startswith("file:"):
        return "expected a video stream, got no usable answer; check address, path and credentials"
    path = Path(url.removeprefix("file:"))
    head = _first_bytes(path)
    if path.is_file() and not head:
        return "expected a video, got an empty file (0 bytes)"
    if head[4:8] == b"ftyp":
        return (
            "this MP4 has no index (its moov box is missing): it was cut off or is still being"
            " written; copy it again, or record fragmented MP4 or Matroska"
        )
    return "expected a video, got data that FFmpeg does not know as one"


def _first_bytes(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(12)


def _video_stream(container: Any, name: str) -> Any:
    for stream in container.streams.video:
        cover = stream.disposition & av.stream.Disposition.attached_pic
        if not cover and stream.codec_context is not None:
            return stream
    if any(stream.codec_context is None for stream in container.streams.video):
        raise SourceError(f"{name}: this FFmpeg has no decoder for its video")
    kinds = sorted({stream.type for stream in container.streams})
    got = f"only {' and '.join(kinds)}" if kinds else "no stream at all"
    raise SourceError(f"{name}: expected a video stream, got {got}")


def _words(error: FFmpegError) -> str:
    if isinstance(error, ExitError):
        return "no answer in time"
    return redact(error.strerror or type(error).__name__)


def _clock_seconds(text: str) -> float | None:
    """`00:01:02.500000000` -> 62.5, None when it is something else."""
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None
