"""Network cameras: `rtsp://` and `rtsps://`."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from pipeline.config import SourceConfig
from pipeline.readers.base import Frame, Reader, ResumePoint
from pipeline.readers.thinning import Thinner
from pipeline.readers.video import Video
from pipeline.readers.video_frame import Converter, VideoFrame
from pipeline.redact import redact

_TIMEOUT_S: Final = 10.0
"""To connect, and for each read."""


class RtspReader(Reader):
    """One connection to a camera, over TCP; it ends when the camera or the network does."""

    live = True

    def __init__(self, uri: str, config: SourceConfig) -> None:
        super().__init__(uri, config)
        self._video: Video | None = None

    def frames(self, resume: ResumePoint | None = None) -> Iterator[Frame]:
        """Yield what arrives from now on, numbered on from `resume`."""
        video = Video(
            self.uri,
            name=redact(self.uri),
            threads=self.decode_threads,
            options={"rtsp_transport": "tcp", "timeout": str(int(_TIMEOUT_S * 1e6))},
            timeout_s=_TIMEOUT_S,
        )
        self._video = video
        converter = Converter()
        thinner = Thinner(self.config)
        first = 0 if resume is None else resume.frame + 1
        base_s = 0.0 if resume is None else resume.pts_s + video.period_s
        with closing(video):
            for index, picture in enumerate(video.pictures(), start=first):
                pts_s = base_s + picture.pts_s
                kept = picture.frame is not None and thinner.keep(index, pts_s)
                self.skipped = thinner.skipped
                if picture.frame is None:
                    self.corrupt += 1
                elif kept:
                    frame = VideoFrame(picture.frame, index, pts_s, converter)
                    frame.decode_ms = picture.decode_ms
                    frame.skipped, frame.corrupt = self.skipped, self.corrupt
                    yield frame
        self.end_reason = video.failure or "the camera ended the stream"

    def close(self) -> None:
        """Hang up."""
        if self._video is not None:
            self._video.close()
