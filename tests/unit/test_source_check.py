"""Whatever is wrong with a source is one line before it is read, and no run ends of it."""

from types import SimpleNamespace

import pytest

from pipeline.config import CustomRegions, ReconnectConfig, SourceConfig
from pipeline.errors import ConfigError, SourceError
from pipeline.readers import ResumePoint, check_source, stream
from pipeline.readers.base import Reader
from pipeline.readers.http_camera import HttpCameraReader
from pipeline.regions import RegionFinder
from pipeline.supervisor.plan import check_named_source


class Forgetful(Reader):
    """Of a user's own, and wrong."""

    def __init__(self, uri, config):
        super().__init__(uri, config)
        self.key = config.options["key"]

    def frames(self, resume=None):
        raise NotImplementedError


@pytest.mark.parametrize(
    "config",
    [
        SourceConfig(uri="/" + 300 * "x" + ".mp4"),
        SourceConfig(uri="~nobody-of-this-name/lot.mp4"),
        SourceConfig(uri="mine", reader=f"{__name__}:Forgetful"),
    ],
    ids=["a name too long", "a stranger's home", "a reader of one's own"],
)
def test_a_source_that_cannot_be_looked_at_is_one_line(config):
    with pytest.raises(SourceError, match=r"cannot be looked at \((OSError|RuntimeError|KeyError)"):
        check_source(config)
    with pytest.raises(SourceError):
        check_named_source("lot", config)


class Broken(RegionFinder):
    """A region finder that does not even begin."""

    def __init__(self, *_, **__):
        raise KeyError("zones")

    def find(self, frame):
        raise NotImplementedError


def test_a_region_finder_that_cannot_be_built_is_one_line():
    regions = CustomRegions(cls=f"{__name__}:Broken")
    config = SourceConfig(uri="synthetic://?frames=3", regions=regions)
    with pytest.raises(ConfigError, match=r"sources\.lot\S*: "):
        check_named_source("lot", config)


def test_a_camera_whose_stream_is_over_is_a_camera_still(monkeypatch):
    """An encoder that is started again marks its playlist as ended for a moment."""
    closed = []
    video = SimpleNamespace(endless=False, description="", close=lambda: closed.append(1))
    monkeypatch.setattr(stream, "LiveVideo", lambda *_, **__: video)
    reader = HttpCameraReader("http://cam/live.m3u8", SourceConfig(uri="http://cam/live.m3u8"))
    with pytest.raises(ConfigError, match="expected a camera, got a recording"):
        next(reader.frames())
    with pytest.raises(SourceError, match="expected a stream that goes on, got one that is over"):
        next(reader.frames(ResumePoint(500, 20.0)))
    assert closed == [1, 1]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            SourceConfig(uri="rtsp://cam/s", reconnect=ReconnectConfig(first=40.0)),
            r"^sources\.lot: reconnect\.first: expected at most",
        ),
        (SourceConfig(uri="clip.mp4", live=True), r"^sources\.lot: live: expected for http"),
        (
            SourceConfig(uri="synthetic://", perturb=f"clean:{'9' * 5_000},dark"),
            r"^sources\.lot\.perturb: .{,200}$",
        ),
    ],
    ids=["reconnect", "live", "perturb"],
)
def test_an_error_names_the_source_and_the_setting(config, words):
    with pytest.raises(ConfigError, match=words):
        check_named_source("lot", config)
