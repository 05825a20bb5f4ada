"""`top` and `replay` give the terminal back when they are ended from outside."""

import signal
import time
from types import SimpleNamespace

import pytest
from sample_snapshot import sample_snapshot

from pipeline.cli import top
from pipeline.cli.main import main
from pipeline.cli.terminated import terminated_as_interrupted
from pipeline.recording import Recording


class SilentFeed:
    """Of a run that lives and says nothing; ends the watching after so many turns."""

    def __init__(self, turns, end):
        self._turns, self._end = turns, end

    def newest(self, _timeout_ms):
        self._turns -= 1
        if self._turns < 0:
            self._end()

    def watch(self, _descriptor):
        pass


def terminate():
    signal.raise_signal(signal.SIGTERM)


def test_a_termination_is_an_interrupt_once_and_only_meanwhile():
    before = signal.getsignal(signal.SIGTERM)
    leaving = []

    def work():
        try:
            terminate()
        finally:
            terminate()
            leaving.append("whole")

    with pytest.raises(KeyboardInterrupt), terminated_as_interrupted():
        work()
    assert leaving == ["whole"]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.fixture
def seen(monkeypatch, capsys):
    """What was written so far."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    return lambda: capsys.readouterr().out


def gives_back(drawn):
    return drawn.index("\x1b[?1049h") < drawn.index("\x1b[?1049l") and drawn.rindex(
        "\x1b[?25h"
    ) > drawn.rindex("\x1b[?25l")


def test_a_silent_runs_screen_says_so_and_is_left_on_a_termination(monkeypatch, seen):
    monkeypatch.setattr(top, "_SILENT_S", -1.0)
    feed = SilentFeed(3, terminate)
    with pytest.raises(KeyboardInterrupt):
        top._screen(feed, None, SimpleNamespace(is_alive=True, out="out"))
    drawn = seen()
    assert "waiting for the first word from the run" in drawn
    assert "no word from the run for 0 s" in drawn
    assert gives_back(drawn)


def test_without_a_terminal_a_silent_run_is_said_to_be_silent(monkeypatch, capsys):
    clock = SimpleNamespace(now_s=0.0)

    def leave():
        raise KeyboardInterrupt

    class Slow(SilentFeed):
        def newest(self, timeout_ms):
            clock.now_s += 1.0
            super().newest(timeout_ms)

    monkeypatch.setattr(top, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    with pytest.raises(KeyboardInterrupt):
        top._lines(Slow(10, leave), SimpleNamespace(is_alive=True, out="out"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("for ")[1] for line in lines] == ["4 s", "9 s"]


@pytest.fixture
def recorded(tmp_path):
    recording = Recording(tmp_path, head=list)
    for n in range(20):
        recording.snapshot(sample_snapshot(time_s=1e9 + n / 2, uptime_s=n / 2, regions=n))
    recording.close()
    return tmp_path


def test_a_replay_that_is_terminated_gives_the_terminal_back(recorded, monkeypatch, seen):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("pipeline.cli.replay_keys.time.sleep", lambda _: terminate())
    assert main(["replay", str(recorded)]) == 130
    drawn = seen()
    assert "replay of" in drawn
    assert gives_back(drawn)


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_pipe_that_takes_colour_is_no_screen(recorded, monkeypatch, capsys, name):
    monkeypatch.setenv(name, "1")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert main(["replay", str(recorded), "--speed", "1000"]) == 0
    printed = capsys.readouterr().out
    assert "\x1b[?1049h" not in printed
    assert printed.startswith("0.0s")
