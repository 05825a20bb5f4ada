"""What readers say may be of any length and hold anything."""

import pytest
from hub_rig import Rig

from pipeline import hearsay as hearsay_module
from pipeline.hearsay import MAX_HEARD, hearsay
from pipeline.messages import Counters, Fatal, ReaderStatus, SourceEnded

LONG = "rtsp://u:secret@cam/x is gone " + 4_000_000 * "x"


def test_it_becomes_one_line_without_credentials():
    assert hearsay("rtsp://u:p@cam/x:\x1b[2J\nrefused") == "rtsp://***@cam/x: [2J refused"
    assert len(hearsay(600 * "x")) == 500


def test_a_uri_that_is_cut_in_two_shows_no_password():
    begin = "broken: "
    uri = "rtsp://u:" + MAX_HEARD * "secret" + "@cam/x"
    assert hearsay(begin + uri) == "broken: ..."
    assert "secret" not in hearsay(uri)


@pytest.mark.parametrize(
    "message",
    [
        ReaderStatus("a", Counters(), "reconnecting", 0, trouble=LONG),
        SourceEnded("a", LONG, Counters(), ok=False),
        Fatal(LONG),
    ],
)
def test_the_hub_looks_at_the_beginning_of_what_a_reader_says(monkeypatch, message):
    looked_at = []
    redact = hearsay_module.redact
    monkeypatch.setattr(
        hearsay_module, "redact", lambda text: looked_at.append(len(text)) or redact(text)
    )
    Rig().say("reader/a#0", message)
    assert looked_at
    assert max(looked_at) <= MAX_HEARD
