"""A system that has no room for another process at the moment, or none at all."""

import errno
import os

import pytest

from pipeline.supervisor import crew
from pipeline.supervisor.supervisor import Supervisor

NO_ROOM = BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
NO_THREAD = RuntimeError("can't start new thread")


@pytest.fixture(autouse=True)
def tried_again_at_once(monkeypatch):
    monkeypatch.setattr(crew, "_START_RETRY_S", 0.01)


@pytest.fixture
def failures(monkeypatch):
    """By role: what starting a child of it raises, one after another, before it succeeds."""
    queues: dict[str, list[Exception]] = {}
    begin = Supervisor._start_child

    def fail_first(self, spec):
        queue = queues.get(spec.identity.split("/")[0], [])
        if queue:
            raise queue.pop()
        return begin(self, spec)

    monkeypatch.setattr(Supervisor, "_start_child", fail_first)
    return queues


@pytest.mark.parametrize("error", [NO_ROOM, NO_THREAD])
@pytest.mark.parametrize("role", ["reader", "worker", "sink"])
def test_a_child_is_started_as_soon_as_there_is_room(in_threads, clip, failures, role, error):
    failures[role] = [error] * 3
    run = in_threads({"lot": clip})
    assert run.status == 0
    assert run.frames["lot"] == list(range(60))
    assert failures[role] == []
    assert run.summary["restarts"] == 0
    said = [line for line in run.log.splitlines() if "cannot be started" in line]
    assert len(said) == 1
    assert f"{role}/" in said[0]


def test_a_run_for_which_there_never_is_room_says_so(in_threads, clip, failures):
    failures["worker"] = [NO_ROOM] * 10_000
    run = in_threads({"lot": clip}, "runtime.start_timeout_s=0.2")
    assert run.status == 1
    assert "worker/" in run.log
    assert "could not be started for 0.2 s: Resource temporarily unavailable" in run.log
