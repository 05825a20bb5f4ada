"""Small fuzz checks of messages; `tools/fuzz.py` has the large ones."""

import pytest
from fuzzing.hub_game import play
from fuzzing.report import Report
from fuzzing.wire import fuzz_decoder
from sample_snapshot import sample_snapshot
from test_messages import FROM_CHILD, FROM_HUB

from pipeline.messages import encode
from pipeline.stages.hub.source import SourceTrack
from pipeline.transport import encode_snapshot

RECORDED = {
    "from child": [encode(message) for message in FROM_CHILD],
    "from hub": [encode(message) for message in FROM_HUB],
    "snapshot": [encode_snapshot(sample_snapshot())],
}


@pytest.mark.parametrize("name", RECORDED)
def test_what_a_decoder_accepts_is_sound(name):
    report = fuzz_decoder(name, RECORDED[name], range(1_500), seed=11)
    assert report.failures == []
    assert report.outcomes["accepted"] > 50
    assert report.outcomes["refused"] > 500


@pytest.mark.parametrize("possessed", [False, True], ids=["strangers", "their own names"])
def test_a_hub_stands_whatever_it_is_sent(possessed):
    report = Report("hub", seed=12)
    for number in range(4):
        play(number, report.seed, report, 400, possessed=possessed)
    assert report.failures == []
    assert report.outcomes["refused"] > 1_000
    # A stranger never has any effect; a child that has lost its mind may say something sound.
    assert (report.outcomes["accepted"] > 0) == possessed


def test_the_game_finds_what_it_is_there_for(monkeypatch):
    def reported(self, counters):
        self.counters = counters  # as it was: whatever the reader says

    monkeypatch.setattr(SourceTrack, "reported", reported)
    report = Report("hub", seed=12)
    for number in range(4):
        play(number, report.seed, report, 400, possessed=True)
    assert any("ledger of" in failure for failure in report.failures)
    assert any("seed 12 case" in failure for failure in report.failures)
