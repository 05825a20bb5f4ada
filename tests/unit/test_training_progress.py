"""What a training shows, in a terminal and elsewhere."""

import io
import sys

import pytest
from rich.console import Console

from dart_stream.training import EpochRecord, Remark, StepProgress
from pipeline.cli import train_progress
from pipeline.cli.train_progress import TrainProgress


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def step(epoch, position, loss=1.5):
    return StepProgress(epoch=epoch, epochs=4, step=position, steps=10, loss=loss)


def epoch(number):
    return EpochRecord(number, 1.25, [0.712, 0.905], learning_rate=0.1, duration_s=61.4)


@pytest.fixture
def clock():
    return Clock()


class TestLines:
    @pytest.fixture
    def screen(self, monkeypatch):
        screen = io.StringIO()
        monkeypatch.setattr(sys, "stderr", screen)
        return screen

    @pytest.fixture
    def progress(self, clock, screen):
        with TrainProgress(quiet=True, clock=clock) as progress:
            yield progress

    def test_an_epoch_gives_its_accuracy_per_exit_and_the_time_left(self, progress, clock, screen):
        progress.trained(step(1, 1))
        clock.now_s = 90.0
        progress.trained(step(1, 10))
        progress.trained(epoch(1))
        last = screen.getvalue().splitlines()[-1]
        # Nine steps in 90 s, thirty to go.
        assert last == (
            "epoch 1: loss 1.2500, validation accuracy per exit 71.2% 90.5%, 61 s, about 5 min left"
        )

    def test_long_work_gives_a_line_a_minute_and_another_begins_anew(self, progress, clock, screen):
        for done in range(11):
            progress.worked("playing streams", done, 10)
            clock.now_s += 25
        progress.worked("running the engine", 0, 4)
        clock.now_s += 70
        progress.worked("running the engine", 1, 4)
        assert screen.getvalue().splitlines() == [
            "playing streams: 3 of 10, about 3 min left",
            "playing streams: 6 of 10, about 2 min left",
            "playing streams: 9 of 10, about 25 s left",
            "running the engine: 1 of 4, about 4 min left",
        ]

    def test_long_epochs_give_a_line_a_minute(self, progress, clock, screen):
        for position in range(1, 10):
            clock.now_s += 25
            progress.trained(step(1, position))
        lines = screen.getvalue().splitlines()
        assert [line.split(":")[0] for line in lines] == [
            "epoch 1 of 4, step 4 of 10",
            "epoch 1 of 4, step 7 of 10",
        ]
        assert lines[0].endswith("loss 1.5000, about 15 min left")

    def test_time_left_is_judged_by_this_run(self, progress, clock, screen):
        progress.trained(step(3, 10))  # resumed at step 30
        clock.now_s = 600.0
        progress.trained(step(4, 1))
        assert screen.getvalue().rstrip().endswith("about 1 h 30 min left")

    def test_nothing_is_left_at_the_end(self, progress, clock, screen):
        progress.trained(step(4, 9))
        clock.now_s = 5.0
        progress.trained(step(4, 10))
        progress.trained(epoch(4))
        assert "left" not in screen.getvalue()

    def test_a_remark_is_a_line(self, progress, screen):
        progress.trained(Remark("curves: [here]"))
        assert screen.getvalue() == "curves: [here]\n"


def test_bar_shows_the_time_left_and_the_last_accuracy_per_exit(monkeypatch):
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=160, color_system=None)
    monkeypatch.setattr(train_progress, "Console", lambda file: terminal)
    with TrainProgress(quiet=False) as progress:
        progress.trained(step(1, 1))
        progress.trained(epoch(1))
        progress.trained(step(2, 5, loss=0.75))
    last = [line for line in screen.getvalue().splitlines() if "training" in line][-1]
    assert "epoch 2/4  loss 0.750  exits 71.2% 90.5%" in last
    assert "38%" in last


def test_lines_replace_the_bar_without_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with TrainProgress(quiet=False) as progress:
        progress.trained(epoch(1))
        assert sys.stderr.getvalue().startswith("epoch 1: loss 1.2500")
