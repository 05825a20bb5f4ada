"""Output in an encoding that lacks our characters."""

import io

import pytest
from rich.console import Console
from sample_snapshot import sample_snapshot

from pipeline.cli.main import main
from pipeline.ui.live import LiveScreen
from pipeline.ui.showable import show_what_can_be


def stream(encoding, errors="strict"):
    return io.TextIOWrapper(io.BytesIO(), encoding, errors)


def written(file):
    file.flush()
    return file.buffer.getvalue().decode(file.encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "koi8-r"])
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_what_an_encoding_lacks_is_a_question_mark(encoding, errors):
    file = stream(encoding, errors)
    show_what_can_be(file)
    file.write("a \u2713 b \udce9 c")
    assert written(file) == "a ? b ? c"


def test_utf_8_shows_all_but_half_characters():
    file = stream("utf-8")
    show_what_can_be(file)
    file.write("\u2713 \udce9")
    assert written(file) == "\u2713 ?"


@pytest.mark.parametrize("errors", ["backslashreplace", "replace"])
def test_a_stream_that_never_fails_is_left_as_it_is(errors):
    file = stream("ascii", errors)
    show_what_can_be(file)
    assert file.errors == errors


def test_a_stream_that_somebody_has_put_there_is_left_alone():
    show_what_can_be(io.StringIO())


def test_the_full_screen_is_drawn_where_there_is_only_ascii():
    """A run's own screen is a process of its own."""
    file = stream("ascii")
    console = Console(file=file, width=80, height=24, force_terminal=True, legacy_windows=False)
    with LiveScreen(console) as screen:
        screen.show(sample_snapshot())
    assert "run-7" in written(file)


@pytest.mark.parametrize("words", [["models"], ["models", "default"]], ids=" ".join)
def test_a_command_ends_well_where_there_is_only_ascii(monkeypatch, words):
    file = stream("ascii", "surrogateescape")  # as Python has it in the POSIX locale
    monkeypatch.setattr("sys.stdout", file)
    assert main(words) == 0
    assert "dartnet" in written(file)
