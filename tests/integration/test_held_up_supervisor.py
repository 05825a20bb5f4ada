"""A run whose supervisor is held up for longer than a turn."""

import time

from pipeline.transport import HubSocket

HELD_UP_S = 1.3


def test_it_says_so_and_nobody_is_killed_for_it(in_threads, clip, monkeypatch):
    wait, calls = HubSocket.wait, []

    def held_up_once(self, timeout_ms):
        calls.append(timeout_ms)
        if len(calls) == 5:
            time.sleep(HELD_UP_S)  # this is the fault itself
        return wait(self, timeout_ms)

    monkeypatch.setattr(HubSocket, "wait", held_up_once)
    run = in_threads({"lot": clip}, "runtime.batch_deadline_s=5")
    assert run.status == 0
    assert run.frames["lot"] == list(range(60))
    assert run.summary["restarts"] == 0
    said = [line for line in run.log.splitlines() if "has not run for" in line]
    assert said
    assert "nobody is late for that" in said[0]
