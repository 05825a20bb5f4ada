"""Interrupts after everything is done, and runs that cannot even begin."""

import logging
import os
import signal
import tempfile

import pytest

from pipeline.cli import session
from pipeline.running import folder_prefix, own_folders
from pipeline.supervisor.supervisor import Supervisor
from pipeline.transport import HubSocket


def test_an_interrupt_of_a_run_that_is_complete_changes_nothing(in_threads, clip, monkeypatch):
    say_goodbye = Supervisor._say_goodbye

    def interrupted(self):
        self.interrupt()
        say_goodbye(self)

    monkeypatch.setattr(Supervisor, "_say_goodbye", interrupted)
    run = in_threads({"lot": clip})
    assert run.status == 0
    assert run.frames["lot"] == list(range(60))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_the_end_and_the_summary_costs_no_summary(
    in_threads, clip, monkeypatch, number
):
    write = session.write_summary

    def interrupted(out, summary):
        os.kill(os.getpid(), number)
        write(out, summary)

    monkeypatch.setattr(session, "write_summary", interrupted)
    run = in_threads({"lot": clip})
    assert run.status == 0
    assert run.summary["frames"]["processed"] == 60


def test_a_run_that_cannot_begin_leaves_nothing_behind(in_threads, clip, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    handlers = list(logging.getLogger().handlers)

    def refuse(self, *_):
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(HubSocket, "__init__", refuse)
    with pytest.raises(FileNotFoundError, match=r"results\.jsonl"):
        in_threads({"lot": clip})
    assert own_folders(tmp_path / "t", folder_prefix()) == []
    assert logging.getLogger().handlers == handlers
