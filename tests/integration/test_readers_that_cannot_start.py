"""The command that keeps readers for a hub on another host: their processes come and go."""

import errno
import logging
import os
import sys

import pytest

from pipeline.supervisor import reader_host
from pipeline.supervisor.children import ChildProcess
from pipeline.supervisor.reader_host import ReaderHost


@pytest.fixture
def reader_that(tmp_path, monkeypatch):
    """Have a shell's lines run in the place of a reader."""

    def _reader(lines):
        script = tmp_path / "reader"
        script.write_text(f"#!/bin/sh\nread spec\n{lines}\n")
        script.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(script))

    monkeypatch.setattr(reader_host, "_FIRST_DELAY_S", 0.01)
    return _reader


@pytest.fixture
def failures(monkeypatch):
    """What starting a process raises, one after another, before it succeeds."""
    queue: list[OSError] = []

    def fail_first(spec):
        if queue:
            raise queue.pop()
        return ChildProcess(spec)

    monkeypatch.setattr(reader_host, "ChildProcess", fail_first)
    return queue


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
def test_a_reader_is_started_as_soon_as_there_is_room(reader_that, failures, caplog, number):
    caplog.set_level(logging.INFO)
    reader_that("echo read >&2")
    failures += [OSError(number, os.strerror(number)) for _ in range(3)]
    host = ReaderHost("tcp://127.0.0.1:1", None, {"gate": "synthetic://"}, cores=1)
    assert host.run() == 0
    assert failures == []
    first = f"gate: cannot be started: {os.strerror(number)}; trying again"
    assert caplog.messages == [first, "gate: read"]
