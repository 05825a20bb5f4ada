"""A supervisor that did not run for a while blames nobody for its own silence."""

import pytest
from hub_rig import Rig

from pipeline.messages import Records
from pipeline.stages.hub import Kill
from pipeline.supervisor.absence import AWAY_S, Absence

SECOND_NS = 1_000_000_000
DEADLINE_NS = 4 * SECOND_NS
AWAY_NS = 10 * SECOND_NS


def test_usual_turns_are_no_absence():
    absence = Absence(100.0)
    assert [absence.ended(now_s) for now_s in (100.1, 100.2, 100.2 + AWAY_S)] == [0.0] * 3


def test_an_absence_is_told_once_with_its_length():
    absence = Absence(100.0)
    assert absence.ended(107.5) == 7.5
    assert absence.ended(107.6) == 0.0


def killed(rig):
    kills = [action.peer for action in rig.others if isinstance(action, Kill)]
    rig.others.clear()
    return kills


def worker_at_work():
    rig = Rig(batch_deadline_ns=DEADLINE_NS)
    rig.frame()
    rig.step()
    return rig


def sink_at_work():
    rig = worker_at_work()
    rig.answer()
    rig.step()
    assert rig.heard("sink/s#0", Records)
    return rig


def camera_reader():
    return Rig(is_live=frozenset({"a"}), patience_ns={"a": DEADLINE_NS})


SCENES = {"worker/0#0": worker_at_work, "sink/s#0": sink_at_work, "reader/a#0": camera_reader}


@pytest.mark.parametrize("peer", SCENES)
def test_who_was_in_time_when_the_supervisor_left_is_in_time_when_it_comes_back(peer):
    rig = SCENES[peer]()
    rig.now += AWAY_NS
    rig.hub.forgive(AWAY_NS, rig.now)
    rig.step()
    assert killed(rig) == []


@pytest.mark.parametrize("peer", SCENES)
def test_who_then_still_says_nothing_is_late_as_ever(peer):
    rig = SCENES[peer]()
    rig.now += AWAY_NS
    rig.hub.forgive(AWAY_NS, rig.now)
    rig.step()
    rig.now += DEADLINE_NS
    rig.step()
    assert killed(rig) == [peer]


@pytest.mark.parametrize("peer", SCENES)
def test_without_an_absence_it_would_be_late(peer):
    rig = SCENES[peer]()
    rig.now += AWAY_NS
    rig.step()
    assert killed(rig) == [peer]


def test_who_was_heard_on_coming_back_gets_no_more_than_its_deadline():
    """Messages are taken first: what came with them lies after the absence already."""
    rig = worker_at_work()
    rig.frame()
    rig.now += AWAY_NS
    rig.answer()
    rig.step()
    rig.hub.forgive(AWAY_NS, rig.now)
    rig.now += DEADLINE_NS + SECOND_NS
    rig.step()
    assert "worker/0#0" in killed(rig)
