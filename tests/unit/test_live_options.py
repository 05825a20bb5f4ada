"""Options of live sources that cannot work are refused before anything starts."""

import pytest

from pipeline.config import SourceConfig
from pipeline.config_file import check_config
from pipeline.errors import ConfigError, SourceError
from pipeline.readers import check_source, open_reader
from pipeline.readers.hardware import Hardware, decoding, find_hardware


def source(**body):
    return check_config({"sources": {"a": body}}).sources["a"]


@pytest.mark.parametrize(
    ("uri", "live", "expected"),
    [
        ("http://cam/video", None, True),
        ("http://cam/mjpg/video.mjpg?size=1", None, True),
        ("https://u:p@cam/live.m3u8", None, True),
        ("http://host/clip.mp4", None, False),
        ("http://host/clip.MKV?token=1", None, False),
        ("http://host/get?id=7", False, False),
        ("http://host/endless.ts", True, True),
        ("rtsp://cam/stream.mp4", None, True),
    ],
)
def test_a_url_is_a_camera_unless_it_is_named_like_a_file(uri, live, expected):
    assert open_reader(SourceConfig(uri=uri, live=live)).live == expected


@pytest.mark.parametrize(
    "body",
    [
        {"open_timeout": 1e6},
        {"stall_after": 1e6},
        {"reconnect": {"cap": 1e6}},
        {"reconnect": {"first": 1e6}},
    ],
)
def test_a_camera_that_may_take_longer_than_a_day_is_refused(body):
    with pytest.raises(ConfigError, match="86400"):
        source(uri="rtsp://cam/s", **body)


@pytest.mark.parametrize("body", [{"stall_after": 86_400}, {"open_timeout": 3_600}])
def test_a_camera_that_may_take_an_hour_is_opened_all_the_same(body):
    with pytest.raises(SourceError, match="Connection refused"):
        next(open_reader(source(uri="rtsp://127.0.0.1:9/s", **body)).frames())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"uri": "rtsps://u:geheim@cam/s", "transport": "udp"},
            r"expected tcp for rtsps://\*\*\*@",
        ),
        (
            {"uri": "rtsp://cam/s", "hwaccel": "cude"},
            r"hwaccel: expected one of off, auto,.* got .cude",
        ),
        (
            {"uri": "rtsp://u:geheim@cam/s", "live": True},
            r"live: .* got it for rtsp://\*\*\*@cam/s",
        ),
        ({"uri": "clip.mp4", "live": True}, "live: expected for http"),
        (
            {"uri": "rtsp://cam/s", "reconnect": {"first": 40}},
            r"reconnect.first: expected at most reconnect.cap \(30\), got 40",
        ),
    ],
)
def test_what_cannot_work_is_one_line(body, words):
    with pytest.raises(ConfigError, match=words) as refused:
        check_source(source(**body))
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("key", ["open_timeout", "stall_after", "reconnect"])
def test_times_are_above_zero(key):
    body = {"first": 0.0} if key == "reconnect" else 0
    with pytest.raises(ConfigError, match=f"sources.a.{key}"):
        source(uri="rtsp://cam/s", **{key: body})


def test_defaults_are_for_a_camera_that_is_left_alone():
    config = source(uri="rtsp://cam/s")
    assert (config.transport, config.open_timeout, config.stall_after) == ("tcp", 10.0, 10.0)
    assert (config.reconnect.first, config.reconnect.cap) == (1.0, 30.0)
    assert config.hwaccel == "off"


def test_off_in_yaml_is_the_word():
    from pipeline.config_file import load_config

    loaded = load_config(None, sources=["rtsp://c/s"], overrides=["sources.s.hwaccel=off"])
    assert loaded.config.sources["s"].hwaccel == "off"


def test_what_decodes_is_said_in_words():
    assert decoding(find_hardware("off"), is_used=False) == "in software"
    missed = Hardware(None, None, ("cuda", "vaapi"))
    assert decoding(missed, is_used=False) == "in software (no usable device among cuda, vaapi)"
    cuda = Hardware(None, "cuda")
    assert decoding(cuda, is_used=True) == "on cuda"
    assert decoding(cuda, is_used=False) == "in software (cuda has no such decoder)"


def test_a_device_that_is_not_there_falls_back_to_software():
    found = find_hardware("auto")
    assert (found.accelerator is None) == (found.name is None)
    if found.accelerator is None:
        assert found.missed
