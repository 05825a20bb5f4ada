"""Readers for a hub on another host, as their own host's command sees them."""

import logging
from types import SimpleNamespace

from pipeline.supervisor.reader_host import _say


def test_what_a_reader_says_shows_no_secret_and_steers_no_terminal(caplog):
    caplog.set_level(logging.INFO)
    lines = ["zones.\x1b[2J: no area", "rtsp://u:secret@cam/x: no answer", 5_000 * "x"]
    _say(SimpleNamespace(spec=SimpleNamespace(name="gate"), read_log=lambda: lines))
    assert caplog.messages[0] == "gate: zones. [2J: no area"
    assert caplog.messages[1] == "gate: rtsp://***@cam/x: no answer"
    assert len(caplog.messages[2]) == len("gate: ") + 4_000
