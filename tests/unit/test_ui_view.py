"""Keys on the screen: the hint, the answer, the help page, a policy held by hand."""

import pytest
from drawing import draw
from sample_snapshot import sample_snapshot

from pipeline.snapshot import AdaptationSnap
from pipeline.ui.lines import one_line
from pipeline.ui.view import View

HELD = AdaptationSnap(
    held="frozen by hand", epsilon=0.02, confidence=0.95, estimate=0.03, upper=0.06, audits=90
)


def test_keys_are_hinted_at_only_where_they_are_listened_to():
    assert "? keys" in draw(sample_snapshot(), view=View(has_keys=True)).splitlines()[0]
    assert "? keys" not in draw(sample_snapshot())


def test_the_answer_to_a_key_stands_where_the_policy_stands():
    lines = draw(sample_snapshot(), view=View(says="✓ policy v3 is kept")).splitlines()
    assert lines[1].startswith("✓ policy v3 is kept")
    assert "thresholds" not in lines[1]


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (60, 12), (40, 8)])
def test_help_explains_keys_at_any_size(size):
    text = draw(sample_snapshot(), *size, view=View(shows_help=True))
    assert len(text.splitlines()) == size[1]
    assert "freeze adaptation" in text
    assert "frames/s" not in text
    assert ("backbone drop" in text) == (size[1] >= 24)


def test_who_is_attached_leaves_alone():
    assert "the run goes on" in draw(sample_snapshot(), view=View(shows_help=True, attached=True))
    assert "the run goes on" not in draw(sample_snapshot(), view=View(shows_help=True))


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_a_policy_held_by_hand_says_so_with_its_own_evidence(size):
    text = draw(sample_snapshot(adaptation=HELD), *size)
    assert "◫ held" in text
    assert "frozen by hand" in text
    assert "3.00 %" in text
    assert "6.00 %" in text


def test_a_paused_run_and_a_held_policy_in_one_line():
    line = one_line(sample_snapshot(state="paused", adaptation=HELD))
    assert "paused" in line
    assert "held" in line
