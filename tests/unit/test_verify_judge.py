"""From answers and what the model says now to windows, claims and a verdict."""

import dataclasses

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.run_summary import Disagreement
from pipeline.verify.claims import no_claims, read_claims
from pipeline.verify.full_depth import Again
from pipeline.verify.judge import Bars, judge
from pipeline.verify.run_files import Answers
from pipeline.verify.windows import settled_stretches, windows_of

BARS = Bars(epsilon=0.02, window=100, rounding=1e-3, full_macs=100, last_exit=2)


def answers(n, **columns):
    """Answers of class 1 at exit 0 of one source, one region a frame."""
    zeros, ones, half = np.zeros(n, np.int64), np.ones(n, np.int64), np.full(n, 0.5)
    made = Answers(
        source=zeros,
        frame=np.arange(n),
        region=zeros,
        pts_s=half,
        label_id=ones,
        confidence=half,
        exit=zeros,
        difficulty=half,
        macs=np.full(n, 30),
        policy_version=ones,
        audit_label_id=-ones,
        audit_confidence=np.full(n, np.nan),
        late=zeros,
    )
    return dataclasses.replace(made, **columns)


def again(n, *, differ=(), behind=0.0, given=0.5, phase=None):
    """The full network agrees everywhere but at some rows."""
    full = np.ones(n, np.int64)
    full[list(differ)] = 0
    return Again(
        full_label_id=full,
        given_probability=np.full(n, given),
        deep_probability=np.full(n, 0.5),
        deep_behind=np.full(n, behind),
        session=np.ones(n, np.int64),
        ordinal=np.arange(n),
        phase=np.full(n, "", object) if phase is None else np.array(phase, object),
    )


def test_a_share_at_the_limit_is_kept_and_one_more_is_not():
    n = 100
    kept = judge(answers(n), again(n, differ=range(2)), no_claims(answers(n)), None, ["a"], BARS)
    assert kept.broken == []
    assert kept.all_windows.above_epsilon == 0
    broken = judge(answers(n), again(n, differ=range(3)), no_claims(answers(n)), None, ["a"], BARS)
    assert broken.broken == [
        "3.00% of the judged answers differ, more than 2.00%",
        "1 of 1 settled windows are above 2.00%, more than 5%",
    ]
    assert broken.all_windows.worst == 0.03


def test_one_bad_window_of_twenty_is_chance_and_two_are_not():
    one = judge(
        answers(2000), again(2000, differ=range(10)), no_claims(answers(2000)), None, ["a"], BARS
    )
    assert one.settled.above_epsilon == 1
    assert one.broken == []
    rows = [*range(10), *range(200, 210)]
    two = judge(
        answers(2000), again(2000, differ=rows), no_claims(answers(2000)), None, ["a"], BARS
    )
    assert two.broken == ["2 of 20 settled windows are above 2.00%, more than 5%"]


def test_a_near_tie_at_full_depth_is_rounding_and_more_is_wrong():
    n = 100
    deep = answers(n, exit=np.full(n, 2))
    tie = judge(deep, again(n, differ=[5], behind=5e-4), no_claims(deep), None, ["a"], BARS)
    assert (tie.full_depth.n, tie.full_depth.other, tie.full_depth.wrong) == (n, 1, 0)
    assert not tie.differs.any()
    wrong = judge(deep, again(n, differ=[5], behind=5e-3), no_claims(deep), None, ["a"], BARS)
    assert wrong.full_depth.wrong == 1
    assert wrong.differs.sum() == 1
    assert wrong.broken == ["1 of 100 answers recorded as the full network's are not"]


def test_an_audit_is_compared_by_its_full_depth_answer_and_the_given_one_counts():
    n = 100
    audit = np.full(n, -1)
    audit[7] = 0
    sure = np.full(n, np.nan)
    sure[7] = 0.5
    seen = answers(n, audit_label_id=audit, audit_confidence=sure)
    found = judge(seen, again(n, differ=[7]), no_claims(seen), None, ["a"], BARS)
    assert (found.full_depth.n, found.full_depth.other) == (1, 0)
    assert found.differs.sum() == 1


def test_answers_of_another_model_are_refused():
    with pytest.raises(ConfigError, match="100 of 100 answers do not come out again"):
        judge(answers(100), again(100, given=0.6), no_claims(answers(100)), None, ["a"], BARS)


@pytest.mark.parametrize("now", [0.6, np.nan])
def test_few_answers_that_do_not_come_out_again_break_the_promise(now):
    given = np.full(100, 0.5)
    given[3] = now
    found = judge(
        answers(100),
        dataclasses.replace(again(100), given_probability=given),
        no_claims(answers(100)),
        None,
        ["a"],
        BARS,
    )
    assert found.broken == ["1 of 100 answers do not come out again"]


def test_phases_stand_apart_also_when_the_same_one_comes_again():
    phase = ["clean"] * 40 + ["dark"] * 30 + ["clean"] * 30
    found = judge(
        answers(100),
        again(100, differ=[50], phase=phase),
        no_claims(answers(100)),
        None,
        ["a"],
        BARS,
    )
    assert [(row.name, row.begin, row.n) for row in found.phases] == [
        ("clean", 0, 40),
        ("dark", 40, 30),
        ("clean", 70, 30),
    ]
    assert [row.disagreement for row in found.phases] == pytest.approx([0, 1 / 30, 0])
    assert found.phases[0].macs_fraction == pytest.approx(0.3)


def test_a_change_of_any_source_begins_a_stretch_and_its_grace():
    source = np.array([0, 1] * 6)
    phase = np.array(["x", "-"] * 2 + ["y", "-"] * 4, object)
    stretches = settled_stretches(source, phase, grace=3)
    assert [(s.start, s.stop) for s in stretches] == [(0, 4), (7, 12)]


def test_a_grace_never_reaches_into_the_next_stretch():
    phase = np.array(list("aabbcc"), object)
    stretches = settled_stretches(np.zeros(6, np.int64), phase, grace=5)
    assert [(s.start, s.stop) for s in stretches] == [(0, 2), (4, 4), (6, 6)]


def test_windows_are_disjoint_lie_in_one_stretch_and_leave_out_the_rest():
    differs = np.zeros(25, np.bool_)
    differs[[0, 1, 12, 22]] = True
    found = windows_of(differs, [slice(0, 15), slice(15, 25)], 10, epsilon=0.1)
    assert (found.n, found.above_epsilon, found.worst) == (2, 1, 0.2)
    assert windows_of(differs, [slice(0, 9)], 10, epsilon=0.1).worst is None


def snapshot(window, estimate=0.01, upper=0.02):
    said = {"window": window, "estimate": estimate, "upper": upper, "confidence": 0.95}
    return {"kind": "snapshot", "snapshot": {"adaptation": said}}


def batch(*frames, source=0, version=1):
    regions = [[source, frame, 0] for frame in frames]
    return {"kind": "batch", "policy_version": version, "regions": regions}


def adapter(regions, epsilon=0.02):
    state = {"settings": {"epsilon": epsilon}, "controller": {"memory": {"regions": regions}}}
    return {"kind": "adapter", "state": state}


def policy(version, kind="dart", **more):
    return {"kind": "policy", "version": version, "body": {"kind": kind}, **more}


HOLD, RELEASE = {"kind": "hold", "words": "w"}, {"kind": "reset", "source": None, "words": "w"}


def claims_of(records, seen, sources=("a",), always_full=(), complaints=()):
    full = {name: [range(1 << 36)] for name in always_full}
    return read_claims(records, seen, list(sources), full, complaints)


def test_claims_speak_of_the_regions_in_the_order_in_which_they_were_answered():
    records = [
        {"kind": "adapter", "state": {}},
        {"kind": "policy", "version": 1, "body": {"kind": "dart"}},
        batch(2, 0),
        snapshot(2),
        {"kind": "policy", "version": 2, "body": {"kind": "full"}},
        batch(7, source=1),
        batch(1, 99),
        snapshot(1),
        {"kind": "snapshot", "snapshot": {"adaptation": {"upper": None, "window": 3}}},
    ]
    found = read_claims(records, answers(3), ["a", "b"], {"b": [range(1 << 36)]})
    assert found.rows.tolist() == [2, 0, 1, -1]
    assert [(claim.begin, claim.end) for claim in found.claims] == [(0, 2), (3, 4)]
    assert found.early.all()
    assert found.adapted


def test_a_bound_is_compared_with_the_rate_behind_early_answers_since_its_evidence_began():
    n = 400
    version = np.where(np.arange(n) < 200, 1, 2)
    records = [
        {"kind": "policy", "version": 1, "body": {"kind": "full"}},
        batch(*range(n)),
        snapshot(n, upper=0.02),
        snapshot(150, upper=0.0001),
        snapshot(50, upper=0.0),
    ]
    seen = answers(n, policy_version=version)
    claims = read_claims(records, seen, ["a"], {})
    said = Disagreement(0.01, 0.02, 300, 0.95, n, 0, at_home=False)
    now = again(n, differ=[0, 1, 2, 210, 398, 399])
    found = judge(seen, now, claims, said, ["a"], dataclasses.replace(BARS, epsilon=0.5))
    assert (found.estimate.regions, found.estimate.truth) == (200, 0.015)
    # Three of 200 were as likely as 5 % at this rate.
    assert found.estimate.at_least == pytest.approx(0.0041, abs=1e-4)
    assert found.estimate.covered
    # Two of 150 are more than a bound of 0.01 % allows; the third speaks of too few answers.
    assert (found.snapshots.n, found.snapshots.covered) == (2, 1)
    assert found.snapshots.worst == pytest.approx(0.0024 - 0.0001, abs=1e-4)


def test_a_rate_that_nobody_would_call_chance_is_not_covered():
    n = 400
    seen = answers(n)
    records = [{"kind": "policy", "version": 1, "body": {"kind": "dart"}}, batch(*range(n))]
    said = Disagreement(0.001, 0.01, 300, 0.95, n, 0, at_home=True)
    claims = read_claims(records, seen, ["a"], {})
    found = judge(seen, again(n, differ=range(12)), claims, said, ["a"], BARS)
    assert found.estimate.truth == 0.03
    assert not found.estimate.covered


def test_answers_of_a_source_that_is_always_full_are_no_early_exits():
    seen = answers(6, source=np.array([0, 0, 1, 1, 1, 0]), policy_version=np.array([1, 2] * 3))
    rows = {"b": {"kind": "full"}}
    records = [policy(1, rows=rows), policy(2, rows=rows)]
    recorded = claims_of(records, seen, "ab")
    assert recorded.early.tolist() == [True, True, False, False, False, True]
    configured = claims_of((), seen, "ab", always_full="b")
    assert configured.early.tolist() == recorded.early.tolist()
    found = judge(seen, again(6), recorded, None, ["a", "b"], BARS)
    assert [row.full_depth for row in found.phases] == [0, 1]


def test_a_policy_that_is_held_or_chosen_by_hand_is_steered_and_one_that_is_let_go_is_not():
    n = 10
    records = [
        adapter(0),
        policy(1),
        batch(0),
        HOLD,
        batch(1),
        policy(2, by_hand=True),  # rolled back
        batch(2, version=2),
        batch(3, version=1),  # had been sent before; it was frozen, too
        RELEASE,
        policy(3, "full", by_hand=True),
        batch(4, version=2),  # likewise
        batch(5, version=3),
        policy(4),
        batch(6, version=4),
        HOLD,
        batch(7, version=3),  # sent before anyone held anything
        batch(8, version=4),
        RELEASE,  # which changes nothing here
        batch(9, version=4),
    ]
    claims = claims_of(records, answers(n))
    assert np.flatnonzero(claims.by_hand).tolist() == [1, 2, 3, 4, 8]
    # While it is held, answers of other policies are not learned from.
    assert claims.rows.tolist() == [0, 1, 2, 4, 5, 6, 8, 9]


def test_a_segment_that_begins_while_a_policy_is_held_goes_on_so():
    records = [
        *(adapter(0), policy(1), batch(0), HOLD, batch(1)),
        *(adapter(1), HOLD, policy(1, by_hand=True), batch(2), snapshot(2)),
        *(RELEASE, policy(2, "full", by_hand=True), batch(3, version=2), snapshot(1)),
    ]
    claims = claims_of(records, answers(4))
    assert np.flatnonzero(claims.by_hand).tolist() == [1, 2]
    assert [(claim.begin, claim.end) for claim in claims.claims] == [(1, 3), (3, 4)]


def test_the_promise_is_not_about_answers_that_were_late_or_steered_by_hand():
    n = 300
    late = np.zeros(n, np.int64)
    late[:10] = 1
    seen = answers(n, late=late)
    records = [adapter(0), policy(1), batch(*range(100)), HOLD, batch(*range(100, 200))]
    records += [RELEASE, policy(2, "full", by_hand=True), batch(*range(200, 300), version=2)]
    claims = claims_of(records, seen)
    found = judge(seen, again(n, differ=[*range(10), *range(100, 200)]), claims, None, ["a"], BARS)
    assert found.judged.sum() == n - 10 - 100
    assert found.differs[found.judged].sum() == 0
    assert found.broken == []
    assert found.all_windows.n == 1
    (row,) = found.phases
    assert (row.n, row.late, row.by_hand, row.disagreement) == (n, 10, 100, 0)
    without = judge(
        answers(n), again(n, differ=range(10)), no_claims(answers(n)), None, ["a"], BARS
    )
    assert without.broken


def test_where_everything_was_steered_by_hand_nothing_is_measured():
    records = [adapter(0), HOLD, policy(1, by_hand=True), batch(*range(200))]
    seen = answers(200)
    found = judge(seen, again(200, differ=range(200)), claims_of(records, seen), None, ["a"], BARS)
    assert found.broken == []
    assert found.phases[0].disagreement is None
    assert found.all_windows.n == 0


def test_limits_are_all_that_were_in_force():
    retune = {"kind": "retune", "settings": {"epsilon": 0.05}, "words": "w"}
    records = [adapter(0), batch(0), retune, batch(1), adapter(2, epsilon=0.05), snapshot(1)]
    claims = claims_of(records, answers(2))
    assert claims.limits == [0.02, 0.05]
    # Another controller, which goes on counting.
    assert [(claim.begin, claim.end) for claim in claims.claims] == [(1, 2)]


def test_numbers_of_sources_mean_what_the_recording_says_of_them():
    seen = answers(4, source=np.array([0, 1, 2, 2]))
    records = [
        batch(0, source=0),
        {"kind": "segment", "sources": ["b", "a"]},  # a part that was resumed
        batch(1, source=0),
        {"kind": "sources", "names": ["b", "a", "c"]},
        batch(2, 3, source=2),
        batch(9, source=3),
    ]
    claims = claims_of(records, seen, "abc")
    assert claims.rows.tolist() == [0, 1, 2, 3, -1]


def test_a_source_may_be_always_full_in_one_of_its_sessions():
    seen = answers(6)
    rows = {"a": {"kind": "full"}}
    records = [policy(1, rows=rows), batch(*range(6))]
    claims = read_claims(records, seen, ["a"], {"a": [range(2, 4)]})
    assert claims.early.tolist() == [True, True, False, False, True, True]
    assert claims.rows.tolist() == [0, 1, 4, 5]


def test_a_claim_about_answers_that_were_not_checked_is_counted_and_not_judged():
    n = 400
    seen, checked = answers(n), np.arange(n) != 150
    records = [policy(1), batch(*range(150)), snapshot(150), batch(*range(150, n)), snapshot(n)]
    records += [snapshot(200)]
    claims = claims_of(records, seen).only(checked)
    said = Disagreement(0.0, 0.01, 300, 0.95, n, 0, at_home=True)
    now = again(n, differ=[399]).only(checked)
    found = judge(seen.only(checked), now, claims, said, ["a"], BARS)
    assert (found.snapshots.n, found.snapshots.unplaced) == (2, 1)
    assert not found.estimate.placed
    assert np.flatnonzero(found.differs).tolist() == [398]


def test_a_claim_about_nothing_that_was_checked_is_not_judged():
    seen, checked = answers(3), np.array([False, False, True])
    claims = claims_of([policy(1), batch(0, 1), snapshot(2)], seen).only(checked)
    found = judge(seen.only(checked), again(3).only(checked), claims, None, ["a"], BARS)
    assert found.snapshots.unplaced == 1


def test_sessions_of_a_source_stand_apart():
    n = 60
    session = np.repeat([1, 2], [20, 40])
    now = dataclasses.replace(
        again(n, differ=[20]), session=session, ordinal=np.r_[np.arange(20), np.arange(40)]
    )
    found = judge(answers(n), now, no_claims(answers(n)), None, ["a"], BARS)
    assert [(row.session, row.begin, row.n) for row in found.phases] == [(1, 0, 20), (2, 0, 40)]
    assert [row.disagreement for row in found.phases] == [0, 1 / 40]


def test_a_late_answer_is_no_evidence_against_a_bound():
    n = 400
    late = np.zeros(n, np.int64)
    late[:200] = 1
    seen = answers(n, late=late)
    claims = claims_of([policy(1), batch(*range(n)), snapshot(n)], seen)
    said = Disagreement(0.0, 0.01, 300, 0.95, n, 0, at_home=True)
    found = judge(seen, again(n, differ=range(200)), claims, said, ["a"], BARS)
    assert (found.estimate.regions, found.estimate.truth) == (200, 0)
    assert (found.snapshots.n, found.snapshots.covered) == (1, 1)


@pytest.mark.parametrize(
    "hole",
    [
        [{"kind": "gap", "records": 7}, adapter(110)],
        [adapter(150)],  # a segment between is gone
        [adapter(60)],  # a run that was resumed from an older state
        [adapter(None)],
    ],
    ids=["gap", "segment", "resumed", "unknown"],
)
def test_a_claim_about_regions_that_the_recording_lacks_is_counted_and_not_judged(hole):
    records = [
        *(adapter(0), policy(1), batch(*range(100)), snapshot(100)),
        *(*hole, batch(*range(100, 300)), snapshot(300), snapshot(201), snapshot(200)),
    ]
    seen = answers(300)
    claims = claims_of(records, seen)
    assert [(claim.begin, claim.end) for claim in claims.claims] == [(0, 100), (100, 300)]
    assert claims.unplaced == 2
    said = Disagreement(0.0, 0.01, 300, 0.95, 250, 0, at_home=True)
    found = judge(seen, again(300), claims, said, ["a"], BARS)
    assert (found.snapshots.n, found.snapshots.unplaced) == (2, 2)
    assert not found.estimate.placed
    assert found.estimate.truth is None


def test_a_segment_that_follows_without_a_hole_is_none():
    records = [adapter(0), policy(1), batch(*range(100)), adapter(100), batch(100), snapshot(101)]
    assert len(claims_of(records, answers(101)).claims) == 1


def test_damage_between_two_records_is_a_hole():
    complaints = []

    def records():
        yield from (policy(1), batch(*range(100)))
        complaints.append("damaged")
        yield from (batch(*range(100, 200)), snapshot(150), snapshot(100))
        complaints.append("damaged at its end, too")

    claims = claims_of(records(), answers(200), complaints=complaints)
    assert [(claim.begin, claim.end) for claim in claims.claims] == [(100, 200)]
    assert claims.unplaced == 1
    assert claims.place(1) is None


def test_claims_whose_share_is_within_the_bound_cost_no_bound_of_their_own(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "pipeline.verify.judge.clopper_pearson_upper",
        lambda *figures: asked.append(figures) or 0.5,
    )
    n = 1_000
    records = [policy(1), batch(*range(n)), *[snapshot(n, upper=0.02)] * 50]
    records += [snapshot(n, upper=0.01)]
    seen = answers(n)
    found = judge(seen, again(n, differ=range(15)), claims_of(records, seen), None, ["a"], BARS)
    assert asked == [(14, n, pytest.approx(0.05))]
    assert (found.snapshots.n, found.snapshots.covered) == (51, 50)
    assert found.snapshots.worst == 0.49


def test_a_lower_bound_is_the_upper_bound_of_those_that_agree_turned_round():
    from dart_stream.metrics import clopper_pearson_upper
    from pipeline.verify.judge import _at_least

    for differ, regions in ((0, 100), (1, 100), (7, 250), (250, 250)):
        turned = 1 - clopper_pearson_upper(regions - differ, regions, 0.95)
        assert _at_least(differ, regions, 0.95) == pytest.approx(turned, abs=1e-9)
