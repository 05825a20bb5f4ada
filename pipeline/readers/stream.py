"""A network camera: one connection to it."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import closing

from pipeline.config import SourceConfig
from pipeline.errors import ConfigError, SourceError
from pipeline.readers.base import Frame, Reader, ResumePoint
from pipeline.readers.hardware import check_hardware
from pipeline.readers.live_video import LiveVideo
from pipeline.readers.thinning import Thinner
from pipeline.readers.video_frame import Converter, VideoFrame
from pipeline.redact import redact


class StreamReader(Reader):
    """One connection to a camera; it ends when the camera, the network or the pictures do."""

    live = True

    def __init__(self, uri: str, config: SourceConfig) -> None:
        super().__init__(uri, config)
        self._video: LiveVideo | None = None

    @property
    @abstractmethod
    def protocol_options(self) -> dict[str, str]:
        """What FFmpeg is told of the protocol."""

    def check(self) -> None:
        """Raise ConfigError when an option cannot work; the camera is not asked."""
        check_hardware(self.config.hwaccel)

    def frames(self, resume: ResumePoint | None = None) -> Iterator[Frame]:
        """Yield what arrives from now on, numbered on from `resume`."""
        self.skipped = self.corrupt = self.clock_jumps = 0
        self._video = video = self._opened(was_camera=resume is not None)
        self.description = video.description
        first = 0 if resume is None else resume.frame + 1
        base_s = 0.0 if resume is None else resume.pts_s + video.period_s
        with closing(video):
            yield from self._thinned(video, first, base_s)
        self.end_reason = video.failure or "the camera ended the stream"

    def close(self) -> None:
        """Hang up."""
        if self._video is not None:
            self._video.close()

    def refuse(self, video: LiveVideo) -> None:
        """Look at what was opened.

        Raises:
            ConfigError: It is no camera.
        """

    def _opened(self, *, was_camera: bool) -> LiveVideo:
        """Open; what has been a camera before, and is none now, may be one again."""
        video = LiveVideo(
            self.uri, self.config, options=self.protocol_options, threads=self.decode_threads
        )
        try:
            self.refuse(video)
        except ConfigError as error:
            video.close()
            if not was_camera:
                raise
            words = "expected a stream that goes on, got one that is over"
            raise SourceError(f"{redact(self.uri)}: {words}") from error
        except BaseException:
            video.close()
            raise
        return video

    def _thinned(self, video: LiveVideo, first: int, base_s: float) -> Iterator[Frame]:
        converter = Converter()
        thinner = Thinner(self.config)
        for index, picture in enumerate(video.pictures(), start=first):
            pts_s = base_s + picture.pts_s
            kept = picture.frame is not None and thinner.keep(index, pts_s)
            self.skipped, self.clock_jumps = thinner.skipped, video.clock_jumps
            if picture.frame is None:
                self.corrupt += 1
            elif kept:
                frame = VideoFrame(picture.frame, index, pts_s, converter)
                frame.decode_ms = picture.decode_ms
                frame.skipped, frame.corrupt = self.skipped, self.corrupt
                yield frame
