"""A wall clock that is set while a run goes on: what is shown of the run goes on all the same."""

import pytest
from sample_snapshot import sample_snapshot

from pipeline.cli.replay import _as_lines
from pipeline.ui.history import History
from pipeline.ui.player import Player

HOUR_S = 3_600.0


def snapshots(step_s, at=20, count=60):
    """Two a second; the clock is stepped in the middle."""
    return [
        sample_snapshot(
            time_s=1e9 + number / 2 + (step_s if number >= at else 0), uptime_s=number / 2
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S, 0.0])
def test_the_screen_s_curves_span_the_time_that_has_passed(step_s):
    history = History()
    for snapshot in snapshots(step_s):
        history.add(snapshot)
    assert history.span_s == pytest.approx(59 / 2)


def test_a_run_that_was_resumed_adds_to_the_span():
    history = History(length=10)
    for uptime_s in (100.0, 100.5, 101.0, 0.5, 1.0):
        history.add(sample_snapshot(uptime_s=uptime_s))
    assert history.span_s == pytest.approx(1.5)


@pytest.mark.parametrize("step_s", [-HOUR_S, 0.0])
def test_a_replay_prints_on_behind_a_clock_that_was_set_back(capsys, step_s):
    _as_lines(Player(iter(snapshots(step_s)), speed=1e9))
    lines = capsys.readouterr().out.splitlines()
    # One in five seconds of half a minute, and the last; one more where the clock was set.
    assert len(lines) in {7, 8}
