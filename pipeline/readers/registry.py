"""Which reader plays which URI."""

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType

from pipeline.config import SourceConfig
from pipeline.errors import ConfigError, SourceError, UserError
from pipeline.hearsay import hearsay
from pipeline.import_path import import_class
from pipeline.readers.base import Reader
from pipeline.readers.camera import CameraReader
from pipeline.readers.file import FileReader
from pipeline.readers.http_camera import HttpCameraReader, is_camera
from pipeline.readers.images import ImagesReader
from pipeline.readers.rtsp import RtspReader
from pipeline.readers.synthetic import SyntheticReader
from pipeline.redact import redact

READERS: Mapping[str, type[Reader]] = MappingProxyType(
    {
        "file": FileReader,
        "http": FileReader,
        "https": FileReader,
        "images": ImagesReader,
        "rtsp": RtspReader,
        "rtsps": RtspReader,
        "synthetic": SyntheticReader,
        "webcam": CameraReader,
    }
)
"""URI scheme -> reader. A bare number or /dev/videoN is a webcam, any other text a path; an http(s)
URL that does not look like a file is a camera."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def open_reader(config: SourceConfig) -> Reader:
    """Build the reader of a source; nothing is opened before its `frames` is called.

    Raises:
        SourceError: The URI's scheme is unknown, or cannot be right.
        ConfigError: `reader` names no class that is a Reader.
    """
    return _reader_class(config)(config.uri, config)


def check_source(config: SourceConfig) -> None:
    """Look cheaply, before a run starts, whether a source can work.

    Raises:
        SourceError: It cannot: no such file, no video in it, an unknown scheme, or looking fails.
        ConfigError: One of its options is out of range.
    """
    _check_live_options(config)
    try:
        open_reader(config).check()
    except UserError:
        raise
    except Exception as error:  # of a class of the user's own, or of a path that nobody may look at
        said = hearsay(f"{type(error).__name__}: {error}")
        raise SourceError(f"{redact(config.uri)}: cannot be looked at ({said})") from error


def _check_live_options(config: SourceConfig) -> None:
    is_http = config.uri.strip().lower().startswith(("http://", "https://"))
    if config.live is not None and not is_http:
        raise ConfigError(f"live: expected for http(s):// only, got it for {redact(config.uri)}")
    if config.reconnect.first > config.reconnect.cap:
        raise ConfigError(
            f"reconnect.first: expected at most reconnect.cap ({config.reconnect.cap:g}),"
            f" got {config.reconnect.first:g}"
        )


def _reader_class(config: SourceConfig) -> type[Reader]:
    if config.reader is not None:
        own: type[Reader] = import_class(config.reader, Reader, key="reader")
        return own
    uri = config.uri.strip()
    if not uri:
        raise SourceError("uri: expected a path or URL, got nothing")
    if uri.isdecimal() or re.fullmatch(r"/dev/video[0-9]+", uri):
        return CameraReader
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return FileReader
    name = scheme.group(1).lower()
    if name not in READERS:
        near = difflib.get_close_matches(name, READERS, 1)
        hint = f"; did you mean {near[0]}://?" if near else ""
        known = ", ".join(f"{key}://" for key in READERS)
        raise SourceError(f"{redact(uri)}: unknown scheme {name}://; known are {known}{hint}")
    if name in {"http", "https"} and is_camera(config):
        return HttpCameraReader
    return READERS[name]
