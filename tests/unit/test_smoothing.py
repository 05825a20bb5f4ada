"""N-of-M smoothing: what is shown, when it changes, and that regions do not mix."""

import itertools
import random

import pytest
from hub_rig import Rig

from pipeline.cli.main import main
from pipeline.messages import Batch, BatchDone, RegionResult
from pipeline.stages.hub.smoothing import Smoother

SCHEMES = [(1, 1), (2, 2), (2, 3), (3, 4), (3, 5), (5, 5), (6, 10)]


def answer(label, region=0, zone=None, track=None, source="a"):
    return {"source": source, "zone": zone, "region": region, "track": track, "label": label}


def shown(smoother, labels, **place):
    return [smoother.label(answer(label, **place)) for label in labels]


def streams(seed):
    """Random answers with runs of many lengths, some of them too unsure to be a label."""
    rng = random.Random(seed)
    labels = []
    while len(labels) < 200:
        labels += [rng.choice(["car", "bus", None])] * rng.choice([1, 1, 2, 3, 8])
    return labels


def changes(labels):
    return [n for n in range(1, len(labels)) if labels[n] != labels[n - 1]]


def test_three_of_five_by_hand():
    given = ["car", "car", "bus", "car", "bus", "bus", None, "bus", None, None, "car"]
    assert shown(Smoother(3, 5), given) == [
        *[None, None, None, "car", "car", "bus", "bus", "bus", "bus", None, None]
    ]


@pytest.mark.parametrize("seed", range(5))
def test_one_of_one_shows_each_answer(seed):
    given = streams(seed)
    assert shown(Smoother(1, 1), given) == given


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("needed", "of"), SCHEMES)
def test_what_holds_for_every_stream(needed, of, seed):
    given = streams(seed)
    seen = shown(Smoother(needed, of), given)
    for n, label in enumerate(seen):
        window = given[max(0, n + 1 - of) : n + 1]
        if window.count(given[n]) >= needed:
            assert label == given[n]
        else:
            assert label == (seen[n - 1] if n else None)
    at = changes([None, *seen])
    assert all(b - a >= 2 * needed - of for a, b in itertools.pairwise(at))
    assert len(at) <= len(changes([None, *given]))
    assert seen == shown(Smoother(needed, of), given)


def test_a_single_slip_is_never_shown():
    given = ["car"] * 10 + ["bus"] + ["car"] * 10
    assert shown(Smoother(2, 3), given) == [None] + ["car"] * 20


@pytest.mark.parametrize(
    "other", [{"zone": "gate", "region": 1}, {"source": "b"}, {"track": 7}, {"region": 1}]
)
def test_no_region_listens_to_another(other):
    smoother = Smoother(2, 3)
    mixed = []
    for label in ["car", "car", "bus", "bus"]:
        mixed += shown(smoother, [label])
        shown(smoother, ["tram"], **other)
    assert mixed == shown(Smoother(2, 3), ["car", "car", "bus", "bus"])


def test_a_track_is_followed_whatever_its_place_in_the_frame():
    smoother = Smoother(2, 2)
    assert shown(smoother, ["car"], track=3, region=0) == [None]
    assert shown(smoother, ["car"], track=3, region=5) == ["car"]


def test_tracks_that_come_and_go_do_not_pile_up():
    smoother = Smoother(2, 3)
    for track in range(5_000):
        shown(smoother, ["car"], track=track)
    assert len(smoother._traces) <= 1_024


def labels_written(answers, **options):
    """Through the hub: one frame an answer, of a label number and a confidence."""
    rig = Rig(**options)
    for label_id, confidence in answers:
        rig.frame()
        rig.step()
        (sent,) = rig.heard("worker/0#0", Batch)
        result = RegionResult(label_id, confidence, 1, 0.5, 40)
        rig.say("worker/0#0", BatchDone(sent.message.batch, [result], 1.0, 1.0))
    rig.end()
    rig.work(rounds=3)
    return rig.written["sink/s"][:-1]


def test_an_answer_that_is_too_unsure_has_no_label_but_stays_in_the_results():
    lines = labels_written([(0, 0.5), (1, 0.499999), (1, 0.9)], min_confidence=0.5)
    assert [line["label"] for line in lines] == ["cat", None, "dog"]
    assert [line["smoothed_label"] for line in lines] == ["cat", None, "dog"]
    assert [(line["label_id"], line["confidence"]) for line in lines] == [
        *[(0, 0.5), (1, 0.499999), (1, 0.9)]
    ]


def test_smoothing_leaves_the_raw_answers_alone():
    lines = labels_written([(n, 0.9) for n in (0, 0, 1, 0, 1, 1)], smooth=(2, 3))
    assert [line["label"] for line in lines] == ["cat", "cat", "dog", "cat", "dog", "dog"]
    assert [line["smoothed_label"] for line in lines] == [None, "cat", "cat", "cat", "dog", "dog"]


@pytest.mark.parametrize(("needed", "of"), [(2, 4), (3, 2)])
def test_a_scheme_that_two_labels_or_none_can_win_is_refused(tmp_path, capsys, needed, of):
    arguments = ["run", "--source", "synthetic://", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--set", f"labels.smooth={{needed: {needed}, of: {of}}}"]) == 2
    expected = "labels.smooth: expected `needed` to be more than half of `of` and at most all of it"
    assert f"{expected}, got {needed} of {of}" in capsys.readouterr().err
