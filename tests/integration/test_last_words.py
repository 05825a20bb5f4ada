"""What a child says last on its standard error, whether or not it ends the line."""

import contextlib
import os
import select
import signal
import sys

import pytest

from pipeline.specs import RemoteReaderSpec
from pipeline.supervisor.children import ChildProcess

SPEC = RemoteReaderSpec(
    name="gate",
    identity="reader/gate",
    endpoint="tcp://127.0.0.1:1",
    run_folder=None,
    supervisor_pid=os.getpid(),
    uri="synthetic://",
    decode_threads=1,
    owner="o",
)


@pytest.fixture
def child_that(tmp_path, monkeypatch):
    """A child process that runs a shell's lines in the place of a role."""
    children = []

    def _child(lines):
        script = tmp_path / "child"
        script.write_text(f"#!/bin/sh\nread spec\n{lines}\n")
        script.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(script))
        children.append(ChildProcess(SPEC))
        return children[-1]

    yield _child
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.close()


def heard_until(child, is_over):
    lines = []
    while not is_over():
        assert select.select([child.log_descriptor], [], [], 20)[0]
        lines += child.read_log()
    return lines


def test_they_are_told_when_it_has_died(child_that):
    child = child_that("printf 'INFO first\\nabort: out of' >&2; printf ' memory' >&2")
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert child.read_log() == [
        "INFO first",
        "abort: out of memory",
    ]  # one look before it is buried


def test_they_are_told_when_it_closes_the_pipe(child_that):
    child = child_that("printf 'good' >&2; printf 'bye' >&2; exec 2>&-; read more")
    assert heard_until(child, lambda: child.log_descriptor is None) == ["goodbye"]
    assert child.is_alive


def test_they_are_told_when_another_process_holds_the_pipe(child_that):
    child = child_that("sleep 60 & printf 'bye' >&2")
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert child.read_log() == ["bye"]


def test_half_a_line_is_awaited_while_it_lives(child_that):
    child = child_that("printf 'half' >&2; read more")
    assert select.select([child.log_descriptor], [], [], 20)[0]
    assert child.read_log() == []
    assert child.is_alive
