"""A person steers the hub: pause, freeze, roll back, other limits, true labels."""

import msgspec
import pytest
from adaptive_rig import SETTINGS, AdaptiveRig, make_adapter

from pipeline.commands import (
    Freeze,
    Label,
    Pause,
    Resume,
    Rollback,
    Set,
    Stop,
    Unfreeze,
)
from pipeline.errors import CommandError
from pipeline.messages import Credit
from pipeline.recording.writer import policy_record
from pipeline.run_summary import Disagreement
from pipeline.stages.hub import NewPolicy, Note
from pipeline.supervisor.adaptation_snap import adaptation_snap, truth_snap
from pipeline.supervisor.recomputed import recompute
from pipeline.supervisor.recording_head import policies_head
from pipeline.supervisor.steering import Steering
from pipeline.supervisor.summary import disagreement_figures


class Steered(AdaptiveRig):
    """An adaptive rig with a person at it."""

    def __init__(self, **options):
        super().__init__(**options)
        self.stops = 0
        self.steering = Steering(self.hub, list("abcdefghij"), self._stop, str)

    def _stop(self):
        self.stops += 1

    def obey(self, command):
        said = self.steering.obey(command)
        self.step()
        self.learn_policies()
        return said

    @property
    def version(self):
        return self.hub.policies.in_force.version

    @property
    def body(self):
        return self.hub.policies.in_force.body


@pytest.fixture
def rig():
    """A stream that looks like its calibration pictures."""
    rig = Steered()
    rig.show("clean", 60)
    return rig


@pytest.fixture
def shifted():
    """A stream that has changed, so that there is a policy before the one in force."""
    rig = Steered()
    rig.show("clean", 60)
    rig.show("noise", 900)
    assert rig.version > 2
    return rig


class TestPause:
    def test_no_frame_is_asked_for_and_what_was_accepted_is_finished(self, rig):
        for _ in range(5):
            rig.shifts["a", rig.sent_frames["a"]] = "clean"
            rig.frame()
        rig.obey(Pause())
        rig.inbox["reader/a#0"].clear()
        for _ in range(5):
            rig.step()
            rig.answer()
        assert not rig.heard("reader/a#0", Credit)
        assert rig.hub.sources["a"].ledger.in_flight == 0
        rig.obey(Resume())
        assert rig.heard("reader/a#0", Credit)

    def test_stop_is_handed_on(self, rig):
        assert "finished" in rig.obey(Stop())
        assert rig.stops == 1


class TestFreeze:
    def test_the_policy_stays_while_the_world_changes_and_audits_say_what_it_costs(self, rig):
        before = rig.version
        assert f"v{before} is kept" in rig.obey(Freeze())
        rig.show("noise", 900)
        assert rig.version == before
        snap = adaptation_snap(rig.adapter)
        assert snap.held == "frozen by hand"
        assert 40 < snap.audits < 200
        assert snap.window == 900
        assert snap.estimate > SETTINGS.epsilon
        assert snap.upper > snap.estimate

    def test_adaptation_goes_on_from_no_evidence(self, rig):
        rig.obey(Freeze())
        rig.show("noise", 100)
        before = rig.version
        rig.obey(Unfreeze())
        assert rig.version == before + 1
        assert rig.adapter.forces_full_depth
        assert adaptation_snap(rig.adapter).held is None
        rig.show("noise", 900)
        assert not rig.adapter.forces_full_depth

    def test_the_summary_tells_it_from_everything_at_full_depth(self, rig):
        assert disagreement_figures(rig.hub)["held"] is None
        rig.obey(Freeze())
        figures = msgspec.convert(disagreement_figures(rig.hub), Disagreement)
        assert (figures.estimate, figures.upper, figures.held) == (None, None, "frozen by hand")

    def test_freezing_again_keeps_what_was_counted(self, rig):
        rig.obey(Freeze())
        rig.show("clean", 200)
        counted = adaptation_snap(rig.adapter).audits
        rig.obey(Freeze())
        assert adaptation_snap(rig.adapter).audits == counted > 0


class TestRollback:
    def test_the_policy_before_is_in_force_under_a_new_number(self, shifted):
        earlier = [action.body for action in shifted.others if isinstance(action, NewPolicy)]
        before = shifted.version
        assert shifted.body == earlier[-1]
        said = shifted.obey(Rollback())
        assert said == f"rolled back, as v{before + 1}; adaptation is frozen"
        assert (shifted.version, shifted.body) == (before + 1, earlier[-2])
        shifted.show("noise", 30)
        assert {line["policy_version"] for line in shifted.lines()[-20:]} == {before + 1}

    def test_again_goes_further_back_and_the_first_is_the_last(self, shifted):
        changes = shifted.version - 1
        for _ in range(changes):
            shifted.obey(Rollback())
        with pytest.raises(CommandError, match="expected an earlier policy, but this is the first"):
            shifted.obey(Rollback())

    def test_answers_of_the_policy_before_are_not_counted_for_it(self, shifted):
        for _ in range(5):
            shifted.shifts["a", shifted.sent_frames["a"]] = "noise"
            shifted.frame()
        shifted.step()
        shifted.obey(Rollback())
        shifted.answer()
        assert adaptation_snap(shifted.adapter).window == 0

    def test_what_was_learned_comes_back_when_adaptation_goes_on(self, shifted):
        shifted.obey(Rollback())
        shifted.obey(Unfreeze())
        assert shifted.body == shifted.adapter.policy.to_dict()


class TestSet:
    def test_another_limit_holds_from_no_evidence(self, rig):
        said = rig.obey(Set("policy.max_disagreement", 0.05))
        assert said == "policy.max_disagreement is 0.05 from here on; evidence begins anew"
        snap = adaptation_snap(rig.adapter)
        assert (snap.epsilon, snap.full_depth) == (0.05, True)
        rig.show("clean", 400)
        assert not rig.adapter.forces_full_depth

    @pytest.mark.parametrize(
        ("key", "field"),
        [("policy.max_disagreement", "epsilon"), ("adaptation.audit_rate", "audit_rate")],
    )
    def test_what_holds_already_costs_no_evidence(self, rig, key, field):
        before, notes = adaptation_snap(rig.adapter), len(rig.others)
        value = getattr(SETTINGS, field)
        said = rig.obey(Set(key, value))
        assert said == f"{key} is {value:g} already; nothing has changed"
        assert adaptation_snap(rig.adapter) == before
        assert not before.full_depth
        assert not any(isinstance(action, Note) for action in rig.others[notes:])

    def test_more_audits(self, rig):
        rig.obey(Set("adaptation.audit_rate", 0.5))
        assert rig.adapter.settings.audit_rate == 0.5

    @pytest.mark.parametrize(
        ("key", "value", "reason"),
        [
            ("policy.max_disagreement", 2.0, "Expected `float` < 1.0, got 2"),
            ("policy.max_disagreement", float("nan"), "got nan"),
            ("adaptation.audit_rate", 0.0, "Expected `float` > 0.0, got 0"),
            ("model.name", 1.0, "expected policy.max_disagreement or adaptation.audit_rate, got"),
        ],
    )
    def test_what_cannot_be_is_refused_and_nothing_changes(self, rig, key, value, reason):
        before = rig.adapter.settings, rig.version
        with pytest.raises(CommandError, match=reason):
            rig.obey(Set(key, value))
        assert (rig.adapter.settings, rig.version) == before


class TestLabel:
    def test_labels_say_what_full_depth_itself_gets_wrong(self, rig):
        audited = [line for line in rig.lines() if line["audited"]]
        line, other = audited[0], audited[1]
        name = "abcdefghij"[line["label_id"]]
        assert rig.obey(Label("a", line["frame"], 0, name)).startswith("1 of 1 labelled")
        wrong = "abcdefghij"[(other["full_depth"]["label_id"] + 1) % 10]
        rig.obey(Label("a", other["frame"], 0, wrong))
        snap = truth_snap(rig.hub.truth)
        assert (snap.labels, snap.audited) == (2, 2)
        assert snap.accuracy == 0.5
        assert snap.full_depth_accuracy in {0.0, 0.5}

    def test_each_region_counts_once_and_must_be_known(self, rig):
        rig.obey(Label("a", 3, 0, "a"))
        for frame in (3, 99_999):
            with pytest.raises(CommandError, match="expected one of the last 10,000 answers"):
                rig.obey(Label("a", frame, 0, "a"))
        with pytest.raises(CommandError, match=r"label: expected one of a, b, .*, j, got 'zebra'"):
            rig.obey(Label("a", 4, 0, "zebra"))


def recorded(rig):
    """What a recording keeps, with a new segment wherever the rig says so."""
    records = [{"kind": "adapter", "state": make_adapter().to_state()}]
    records.append({"kind": "policy", "version": 1, "body": make_adapter().policy.to_dict()})
    for action in rig.others:
        if isinstance(action, Note):
            records.append(action.body)
        elif isinstance(action, NewPolicy):
            records.append(policy_record(action.version, action.body, {}, by_hand=action.by_hand))
        elif isinstance(action, list):
            records += action
    return msgspec.msgpack.decode(msgspec.msgpack.encode(records))


def new_segment(rig):
    rig.others.append(policies_head(rig.hub.policies))


def test_a_steered_run_recomputes_to_the_same_policies(shifted):
    shifted.obey(Rollback())
    shifted.show("noise", 100)
    shifted.obey(Set("policy.max_disagreement", 0.05))
    shifted.show("clean", 100)
    shifted.obey(Unfreeze())
    shifted.show("clean", 400)
    shifted.obey(Freeze())
    found = recompute(recorded(shifted), make_adapter)
    assert len(found.recorded) >= 4
    assert found.again == found.recorded


@pytest.mark.parametrize("command", [Freeze(), Rollback()])
@pytest.mark.parametrize("more", [[], [Set("policy.max_disagreement", 0.05)], [Rollback()]])
def test_a_segment_may_begin_while_a_policy_is_held(shifted, command, more):
    for each in (command, *more):
        shifted.obey(each)
    shifted.show("noise", 50)
    new_segment(shifted)
    shifted.show("noise", 50)
    shifted.obey(Unfreeze())
    shifted.show("clean", 400)
    records = recorded(shifted)
    heads = [n for n, note in enumerate(records) if note["kind"] == "adapter"]
    assert len(heads) == 2
    for begin in heads:
        found = recompute(records[begin:], make_adapter)
        assert found.recorded
        assert found.again == found.recorded


@pytest.mark.parametrize(
    "command", [Freeze(), Unfreeze(), Rollback(), Set("policy.max_disagreement", 0.1)]
)
def test_a_run_that_does_not_adapt_says_so(command):
    rig = Steered()
    rig.hub.policies.adapter = None
    with pytest.raises(CommandError, match="expected a run that adapts"):
        rig.obey(command)
