"""A run is watched and steered from outside, over its real sockets."""

import json
import threading
import time

import pytest

from pipeline.cli.main import main
from pipeline.running import list_running

ENDLESS = "synthetic://?frames=1000000&width=32&height=32"
WITHIN_S = 30.0


class Outside:
    """Another terminal, on a thread, for as long as the run lives."""

    def __init__(self, out, script):
        self.out, self.failure = out, None
        self._script = script
        self._thread = threading.Thread(target=self._work)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()
        if self.failure is not None:
            raise self.failure

    def _work(self):
        try:
            self.wait_until(lambda: any(run.out == self.out for run in list_running()))
            self._script(self)
        except BaseException as error:  # noqa: BLE001 - told to the test
            self.failure = error
        finally:
            main(["control", str(self.out), "stop"])

    def wait_until(self, is_true):
        deadline_s = time.monotonic() + WITHIN_S
        pause = threading.Event()
        while not is_true():
            assert time.monotonic() < deadline_s
            pause.wait(0.02)

    def control(self, *words):
        return main(["control", str(self.out), *words])


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
