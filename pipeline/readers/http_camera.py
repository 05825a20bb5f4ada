"""Cameras over HTTP: MJPEG, and whatever else goes on for ever."""

from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from pipeline.config import SourceConfig
from pipeline.errors import ConfigError
from pipeline.readers.live_video import LiveVideo
from pipeline.readers.stream import StreamReader
from pipeline.redact import redact

_FILE_SUFFIXES: Final = frozenset(
    {
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".ts",
        ".m2ts",
        ".mpg",
        ".mpeg",
        ".flv",
        ".wmv",
    }
)


def is_camera(config: SourceConfig) -> bool:
    """Whether an http(s) URL is a camera: as `live` says, else unless it is named like a file."""
    if config.live is not None:
        return config.live
    path = urlsplit(config.uri.strip()).path
    return PurePosixPath(path).suffix.lower() not in _FILE_SUFFIXES


class HttpCameraReader(StreamReader):
    """One answer of a camera that goes on until somebody hangs up."""

    @property
    def protocol_options(self) -> dict[str, str]:
        """None beyond the usual."""
        return {}

    def refuse(self, video: LiveVideo) -> None:
        """Raise ConfigError when a file was opened: played as a camera it would begin for ever."""
        if not video.endless:
            raise ConfigError(
                f"{redact(self.uri)}: expected a camera, got a recording; set `live: false` for"
                " this source"
            )
