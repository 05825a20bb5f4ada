"""Networks are not run while another one is traced."""

import threading

import pytest

from dart_stream.engine.tracing_guard import running, tracing

WAIT_S = 10


def test_who_traces_waits_for_those_who_run_and_they_run_together():
    inside = threading.Barrier(3)
    leave = threading.Event()
    order = []

    def run():
        with running():
            inside.wait(WAIT_S)
            leave.wait(WAIT_S)
            order.append("run")

    def trace():
        with tracing():
            order.append("trace")

    runners = [threading.Thread(target=run) for _ in range(2)]
    for thread in runners:
        thread.start()
    inside.wait(WAIT_S)  # both are inside at once
    tracer = threading.Thread(target=trace)
    tracer.start()
    leave.set()
    for thread in (*runners, tracer):
        thread.join(WAIT_S)
    assert order == ["run", "run", "trace"]


def test_nobody_runs_while_one_traces():
    order = []

    def run():
        with running():
            order.append("run")

    with tracing():
        runner = threading.Thread(target=run)
        runner.start()
        order.append("trace")
    runner.join(WAIT_S)
    assert order == ["trace", "run"]


def test_an_error_lets_others_in():
    for guard in (tracing, running):
        with pytest.raises(ValueError, match="inside"), guard():
            raise ValueError("inside")
    with tracing():
        pass
