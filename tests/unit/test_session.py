"""What a run leaves on the terminal at its end."""

import errno
import os
from types import SimpleNamespace

import pytest

from pipeline.cli import session
from pipeline.config import MonitorConfig
from pipeline.supervisor import Outcome


@pytest.fixture
def end(monkeypatch, tmp_path, capsys):
    """Run headless something that ends at once; its status, and what was printed."""

    def _end():
        supervisor = SimpleNamespace(run=lambda: Outcome(0, {"regions": 4_321}))
        monkeypatch.setattr(session, "Supervisor", lambda *_, **__: supervisor)
        plan = SimpleNamespace(config=SimpleNamespace(monitor=MonitorConfig()))
        return session.run_session(plan, tmp_path, headless=True), capsys.readouterr()

    return _end


def test_a_silent_run_is_silent_at_its_end(end, tmp_path):
    status, told = end()
    assert (status, told.out, told.err) == (0, "", "")
    assert (tmp_path / "summary.json").exists()


def test_figures_that_find_no_room_are_printed_by_a_silent_run_too(end, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(session, "write_summary", full)
    status, told = end()
    assert status == 1
    assert "4,321" in told.out
    assert "summary.json: No space left on device" in told.err
