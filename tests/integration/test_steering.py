"""A run is watched and steered from outside, over its real sockets."""

import json
import threading

import pytest
from outside import ENDLESS, WITHIN_S, Outside

from pipeline.cli.main import main


@pytest.fixture
def steered(in_threads, tmp_path):
    """Run without end until the script is over; gives the run."""

    def _run(script, *settings):
        out = tmp_path / "out"
        with Outside(out, script):
            return in_threads({"cam": ENDLESS}, *settings, out=out)

    return _run


def test_a_run_is_paused_resumed_and_stopped_with_nothing_lost(steered, capsys):
    def snapshot(outside):
        capsys.readouterr()
        assert main(["top", str(outside.out), "--once"]) == 0
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    def script(outside):
        outside.wait_until(lambda: snapshot(outside)["regions"] > 0)
        assert outside.control("pause") == 0
        outside.wait_until(lambda: snapshot(outside)["ledger"]["in_flight"] == 0)
        held = snapshot(outside)
        assert held["state"] == "paused"
        assert snapshot(outside)["regions"] == held["regions"]
        assert outside.control("resume") == 0
        outside.wait_until(lambda: snapshot(outside)["regions"] > held["regions"])
        assert outside.control("freeze") == 1  # this one does not adapt
        assert "this one keeps its policy" in capsys.readouterr().err

    run = steered(script)
    assert run.status == 130
    frames = run.summary["frames"]
    assert frames["captured"] == frames["processed"]
    assert run.frames["cam"] == list(range(frames["processed"]))


def test_true_labels_stand_in_the_summary(steered, capsys):
    def script(outside):
        outside.wait_until(lambda: outside.control("label", "cam", "5", "car") == 0)

    truth = steered(script).summary["truth"]
    assert truth["labels"] == 1
    assert truth["accuracy"] in {0.0, 1.0}


def test_top_without_a_terminal_writes_lines_until_the_end(steered, capsys):
    statuses = []

    def script(outside):
        watcher = threading.Thread(
            target=lambda: statuses.append(main(["top", str(outside.out)])), daemon=True
        )
        watcher.start()
        outside.wait_until(lambda: " fps" in capsys.readouterr().out)
        outside.control("stop")
        watcher.join(WITHIN_S)

    steered(script)
    assert statuses == [0]


def test_who_asks_after_the_end_is_told_so(capsys, tmp_path):
    for words in (["top", str(tmp_path), "--once"], ["control", str(tmp_path), "pause"]):
        assert main(words) == 2
        assert f"expected a running pipeline called '{tmp_path}', found" in capsys.readouterr().err
