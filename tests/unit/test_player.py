"""A recorded run keeps its pace, and does not wait through its gaps."""

import io
import json

import pytest
from rich.console import Console
from sample_snapshot import sample_snapshot

from pipeline.cli.main import main
from pipeline.recording import TELEMETRY, Recording
from pipeline.ui.live import LiveScreen
from pipeline.ui.player import LONGEST_GAP_S, Player, play


def at(*times_s):
    return iter([sample_snapshot(time_s=1e9 + t, regions=n) for n, t in enumerate(times_s)])


def regions(snapshots):
    return [snapshot.regions for snapshot in snapshots]


class Clock:
    """A clock that goes on when it is waited for."""

    def __init__(self):
        self.now_s = 50.0
        self.waits = []

    def __call__(self):
        return self.now_s

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now_s += seconds


def test_each_snapshot_comes_at_its_time():
    player = Player(at(0, 0.5, 1.0, 3.0))
    assert regions(player.take(10.0)) == [0]
    assert player.due_in_s(10.1) == pytest.approx(0.4)
    assert regions(player.take(10.4)) == []
    assert regions(player.take(11.1)) == [1, 2]
    assert not player.is_over
    assert regions(player.take(13.0)) == [3]
    assert player.is_over


@pytest.mark.parametrize(("speed", "lasts_s"), [(0.5, 8.0), (1, 4.0), (4, 1.0)])
def test_speed_divides_the_time(speed, lasts_s):
    clock, shown = Clock(), []
    player = Player(at(*(n / 2 for n in range(9))), speed)
    play(player, lambda due: shown.extend(regions(due)), clock.wait, clock)
    assert shown == list(range(9))
    assert clock.now_s - 50.0 == pytest.approx(lasts_s, abs=0.11)


def test_a_replay_so_slow_that_no_clock_counts_it_waits_an_hour_at_a_time():
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(Player(at(0, 1), 1e-300), lambda _: None, wait, lambda: 0.0)
    assert waits == [3_600.0] * 3


def test_a_fast_replay_draws_ten_times_a_second_and_misses_nothing():
    clock, shown = Clock(), []
    play(Player(at(*(n / 2 for n in range(2_000))), 100), shown.append, clock.wait, clock)
    assert sum(map(len, shown)) == 2_000
    assert len(shown) == pytest.approx(100, abs=5)


def test_a_night_between_two_parts_is_not_waited_for():
    player = Player(at(0, 30_000, 30_001))
    player.take(0.0)
    assert player.due_in_s(0.0) == LONGEST_GAP_S
    assert regions(player.take(LONGEST_GAP_S)) == [1]


def test_a_clock_that_was_set_back_does_not_stop_it():
    player = Player(at(100, 0, 1))
    assert regions(player.take(0.0)) == [0, 1]
    assert regions(player.take(1.0)) == [2]


def test_while_paused_nothing_is_due_and_then_it_goes_on_where_it_was():
    player = Player(at(0, 1, 2))
    player.take(0.0)
    player.pause(0.4)
    assert player.due_in_s(5.0) == float("inf")
    assert player.take(5.0) == []
    player.resume(10.4)
    assert player.due_in_s(10.4) == pytest.approx(0.6)
    assert regions(player.take(11.0)) == [1]


def test_snapshots_are_taken_as_they_are_needed():
    taken = []

    def endless():
        for n in range(10_000_000):
            taken.append(n)
            yield sample_snapshot(time_s=1e9 + n / 2)

    player = Player(endless(), 1.0)
    player.take(0.0)
    player.take(10.0)
    assert len(taken) < 30


def test_what_is_passed_over_is_in_the_curves_and_not_drawn():
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, height=40)
    with LiveScreen(console) as screen:
        before = len(text.getvalue())
        screen.remember(sample_snapshot(fps=1.0))
        assert len(text.getvalue()) == before
        screen.show(sample_snapshot(fps=2.0))
    assert list(screen._history.fps) == [1.0, 2.0]


@pytest.fixture
def run(tmp_path):
    """A recording of so many snapshots, twice a second."""

    def _run(count, **changes):
        recording = Recording(tmp_path, head=list)
        for n in range(count):
            recording.snapshot(
                sample_snapshot(time_s=1e9 + n / 2, uptime_s=n / 2, regions=n, **changes)
            )
        recording.close()
        return tmp_path

    return _run


def test_without_a_terminal_it_prints_a_line_every_five_seconds_and_the_last(run, capsys):
    assert main(["replay", str(run(24)), "--speed", "1000"]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert [line.split("  ")[0] for line in lines[:-1]] == ["0.0s", "5.0s", "10.0s", "11.5s"]
    assert lines[-1] == "no summary.json: the run was killed, or is still going on"
    assert told.err == ""


@pytest.mark.parametrize(
    "summary", ["[]", "{", '{"sources": {"a": 3}}', '{"exits": ["x"]}', "\xff"]
)
def test_a_summary_that_is_none_is_said_at_the_end(run, capsys, summary):
    folder = run(2)
    (folder / "summary.json").write_text(summary, encoding="latin-1")
    assert main(["replay", str(folder), "--speed", "100"]) == 0
    assert "summary.json cannot be read: " in capsys.readouterr().out


def test_the_end_is_the_summary_of_the_run(run, capsys):
    folder = run(2)
    (folder / "summary.json").write_text(json.dumps({"regions": 4_321}))
    assert main(["replay", str(folder), "--speed", "100"]) == 0
    assert "4,321" in capsys.readouterr().out


def test_a_damaged_recording_is_shown_up_to_the_damage(run, capsys):
    folder = run(20)
    data = bytearray((folder / TELEMETRY).read_bytes())
    data[len(data) // 2 :] = b"\xc1" * (len(data) // 2)
    (folder / TELEMETRY).write_bytes(data)
    assert main(["replay", str(folder), "--speed", "1000"]) == 0
    told = capsys.readouterr()
    assert "4.5s" in told.out
    (line,) = told.err.splitlines()
    assert f"{TELEMETRY}: damaged behind byte" in line
    assert line.endswith("shown as far as it goes")


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf"])
def test_a_speed_that_is_none_is_refused(run, capsys, speed):
    assert main(["replay", str(run(1)), f"--speed={speed}"]) == 2
    assert f"--speed: expected a number above 0, got {speed}" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["replay", "report"])
def test_a_folder_without_a_recording_is_refused_in_one_line(tmp_path, capsys, command):
    assert main([command, str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"expected the folder of a run, {tmp_path} holds no {TELEMETRY}" in line


@pytest.mark.parametrize("command", ["replay", "report"])
def test_a_recording_without_snapshots_is_refused_in_one_line(tmp_path, capsys, command):
    recording = Recording(tmp_path, head=lambda: [{"kind": "segment"}])
    recording.begin()
    recording.close()
    assert main([command, str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected snapshots of a run, found none: it ended before the first was taken" in line


def test_ctrl_c_leaves_with_130_and_gives_the_terminal_back(run, monkeypatch, capsys):
    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.cli.replay_keys.time.sleep", interrupt)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert main(["replay", str(run(20))]) == 130
    drawn = capsys.readouterr().out
    assert "replay of" in drawn
    assert drawn.index("\x1b[?1049h") < drawn.index("\x1b[?1049l")
