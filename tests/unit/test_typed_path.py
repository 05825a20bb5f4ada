"""Paths of `control source add` are meant from where they are typed."""

from urllib.parse import unquote

import pytest

from dart_stream.yaml_words import read_words
from pipeline.cli.control import parse

FOLDERS = ["plain", "d #1", "it's", "a: b", "50% {x}", "a%20b"]


@pytest.fixture(params=FOLDERS)
def here(request, tmp_path, monkeypatch):
    folder = tmp_path / request.param
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def sent(uri):
    """As the run reads it."""
    _, command = parse(["source", "add", "gate", f"uri={uri}", "stride=2"])
    key, _, value = command.settings[0].partition("=")
    assert (key, command.settings[1]) == ("uri", "stride=2")
    return read_words(value)


@pytest.mark.parametrize("typed", ["c.mp4", "./c.mp4", "'c.mp4'"])
def test_a_file_beside_them_is_found_whatever_their_folder_is_called(here, typed):
    assert sent(typed) == str(here / "c.mp4")


@pytest.mark.parametrize("scheme", ["images://", "file://"])
@pytest.mark.parametrize("name", ["pics", "2024"])
def test_paths_behind_a_scheme_are_meant_from_there_too(here, scheme, name):
    uri = sent(f"{scheme}{name}")
    assert uri.startswith(scheme)
    assert unquote(uri.removeprefix(scheme)) == str(here / name)


@pytest.mark.parametrize(
    "uri",
    [
        "/a/c.mp4",
        "~/c.mp4",
        "${CAM}",
        "rtsp://cam/s",
        "images:///pics",
        "images://~/pics",
        "file:///a.mp4",
        "file://localhost/a.mp4",
        "synthetic://",
    ],
)
def test_what_is_no_relative_path_stays(uri):
    assert sent(uri) == uri


def test_the_number_of_a_camera_stays():
    assert sent("0") == 0
