"""The hub adapts: audits, numbered policies, a recording to recompute, errors that stop nothing."""

import msgpack
import msgspec
import pytest
from adaptive_rig import SETTINGS, AdaptiveRig, make_adapter

from pipeline.errors import PeerError
from pipeline.messages import Batch, BatchDone, PolicyBody, RegionResult
from pipeline.stages.hub import Alarm, NewPolicy, Note, Send
from pipeline.stages.hub.coin import coin
from pipeline.stages.hub.seen import Seen
from pipeline.supervisor.recomputed import recompute


def notes(rig, kind):
    return [a.body for a in rig.others if isinstance(a, Note) and a.body["kind"] == kind]


def new_policies(rig):
    return [(a.version, a.body) for a in rig.others if isinstance(a, NewPolicy)]


def alarms(rig):
    return [action.text for action in rig.others if isinstance(action, Alarm)]


class TestAudits:
    def test_the_coin_alone_decides_who_is_audited(self):
        rig = AdaptiveRig()
        rig.show("clean", 300)
        audited = {line["frame"] for line in rig.lines() if line["audited"]}
        drawn = {n for n in range(300) if coin(SETTINGS.seed, "a", n, 0) < SETTINGS.audit_rate}
        assert drawn <= audited
        assert 10 < len(drawn) < 60
        assert len(audited) < 200

    def test_an_audit_keeps_the_deployed_answer_and_adds_full_depth(self):
        rig = AdaptiveRig()
        rig.show("clean", 300)
        audited = [line for line in rig.lines() if line["audited"]]
        assert any(line["exit"] < 3 for line in audited)
        for line in rig.lines():
            assert (line["full_depth"] is not None) == line["audited"]

    def test_what_is_sent_again_after_a_death_is_audited_again(self):
        rig = AdaptiveRig()
        rig.shifts.update({("a", n): "clean" for n in range(40)})
        for _ in range(40):
            rig.frame()
        rig.step()
        first = self.audited_frames(rig)
        rig.hub.child_lost("worker/0#0")
        rig.start("worker", "0", 1)
        again = set()
        for _ in range(60):
            rig.step()
            rig.learn_policies("worker/0#1")
            again |= self.audited_frames(rig)
            rig.answer("worker/0#1")
        assert first <= again
        assert first

    @staticmethod
    def audited_frames(rig):
        return {
            dispatched.tasks[n].frame.header.frame
            for dispatched in rig.hub.workers["0"].outstanding
            for n in dispatched.audits
        }

    def test_a_burst_runs_everything_to_full_depth(self):
        rig = AdaptiveRig()
        rig.show("clean", 60)
        rig.show("noise", 200)
        assert rig.adapter.forces_full_depth
        assert all(line["audited"] and line["exit"] == 3 for line in rig.lines()[-50:])


@pytest.fixture(scope="module")
def rig():
    """Two worlds, played to the end; only looked at."""
    rig = AdaptiveRig()
    rig.show("clean", 60)
    rig.show("noise", 900)
    return rig


class TestPolicies:
    def test_a_shift_changes_the_policy_and_results_name_it(self, rig):
        versions = [line["policy_version"] for line in rig.lines()]
        assert versions == sorted(versions)
        numbers = [version for version, _ in new_policies(rig)]
        assert numbers == list(range(2, 2 + len(numbers)))
        assert len(numbers) >= 2
        assert set(versions) <= {1, *numbers}
        assert rig.hub.policies.in_force.version == numbers[-1]
        assert list(rig.hub.policies.versions) == [1, *numbers]

    def test_its_number_is_kept_before_anybody_hears_of_it(self):
        rig = AdaptiveRig()
        rig.show("clean", 60)
        actions = []
        while not new_policies(rig):
            rig.shifts["a", rig.sent_frames["a"]] = "noise"
            rig.frame()
            rig.now += 1_000_000
            actions = rig.hub.step(rig.now)
            for action in actions:
                known = isinstance(action, Send) and action.peer in rig.inbox
                (rig.inbox[action.peer] if known else rig.others).append(action)
            rig.learn_policies()
            rig.answer()
        kept = next(n for n, a in enumerate(actions) if isinstance(a, NewPolicy))
        sent = [n for n, a in enumerate(actions) if isinstance(a, Send)]
        told = [n for n in sent if isinstance(actions[n].message, PolicyBody)]
        named = [
            n
            for n in sent
            if isinstance(actions[n].message, Batch) and actions[n].message.policy_version == 2
        ]
        assert kept < min(told)
        assert not named or min(told) < min(named)

    def test_alarms_are_said_once_each(self, rig):
        said = alarms(rig)
        assert len(said) == rig.adapter.controller.num_alarms
        assert all(words.startswith("adaptation: ") for words in said)

    def test_the_recording_gives_the_same_policies_bit_for_bit(self, rig):
        recorded = [a for a in rig.others if isinstance(a, Note | NewPolicy)]
        twin, policies = make_adapter(), []
        known = twin.policy
        for action in recorded:
            if isinstance(action, Note):
                twin.replay(msgpack.unpackb(msgpack.packb(action.body)))
                if twin.policy is not known:
                    known = twin.policy
                    policies.append(known.to_dict())
        assert policies == [body for _, body in new_policies(rig)]
        assert twin.to_state() == rig.adapter.to_state()

    def test_what_it_is_told_names_sources_by_the_numbers_of_the_recording(self):
        """A run that is resumed may know its sources in another order than its configuration."""
        rig = AdaptiveRig(("b", "a"), adapter=make_adapter(("a", "b", "c")))
        rig.show("clean", 3, source="b")
        seen = [Seen.from_note(note) for note in notes(rig, "seen")]
        named = {one.source for each in seen for one in each.observations(rig.hub.sources.names, 4)}
        assert named == {"b"}

    def test_a_break_inside_a_batch_gives_one_policy_and_is_recomputed(self):
        rig = AdaptiveRig()
        rig.show("clean", 60)
        for number in range(40):
            rig.shifts["a", rig.sent_frames["a"]] = "clean"
            rig.frame(segment=int(number >= 20))
        rig.round()
        rig.show("clean", 300, segment=1)
        records = [
            {"kind": "adapter", "state": make_adapter().to_state()},
            {"kind": "policy", "body": make_adapter().policy.to_dict()},
        ]
        for action in rig.others:
            if isinstance(action, Note):
                records.append(action.body)
            elif isinstance(action, NewPolicy):
                records.append({"kind": "policy", "body": action.body})
        found = recompute(records, make_adapter)
        assert len(found.recorded) >= 3
        assert found.again == found.recorded
        assert len(notes(rig, "reset")) == 1

    def test_a_run_twice_is_the_same_run(self, rig):
        other = AdaptiveRig()
        other.show("clean", 60)
        other.show("noise", 900)
        assert new_policies(other) == new_policies(rig)
        assert notes(other, "seen") == notes(rig, "seen")


class TestErrors:
    @pytest.fixture
    def broken(self, monkeypatch):
        rig = AdaptiveRig()
        rig.show("clean", 50)

        def fail(_self, _seen):
            raise ZeroDivisionError("a fault")

        monkeypatch.setattr(type(rig.adapter.controller), "update", fail)
        rig.show("clean", 50)
        rig.show("noise", 300)
        return rig

    def test_an_error_freezes_the_policy_and_the_stream_goes_on(self, broken):
        assert len(broken.lines()) == 400
        assert {line["policy_version"] for line in broken.lines()[100:]} == {
            broken.hub.policies.in_force.version
        }
        assert new_policies(broken) == []

    def test_it_is_an_alarm_said_once(self, broken):
        assert alarms(broken)[-1] == (
            "adaptation: ZeroDivisionError: a fault; the policy stays as it is from here on"
        )
        assert sum("ZeroDivisionError" in words for words in alarms(broken)) == 1

    def test_nothing_is_audited_any_more_and_no_state_is_taken(self, broken):
        assert not any(line["audited"] for line in broken.lines()[-200:])
        assert broken.adapter.to_state() is None
        assert broken.adapter.controller is None

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"first_label_id": None}, "expected what exit 0 said"),
            ({"parts": None}, "expected what exit 0 said"),
            ({"first_label_id": 10}, "label_id 10 of 10 classes"),
            ({"first_confidence": float("nan")}, "expected a share from 0 to 1, got nan"),
            ({"exit_label_ids": [1], "exit_confidences": [0.5]}, "answers of 1 exits, expected 0"),
        ],
    )
    def test_an_answer_that_says_too_little_is_refused(self, changes, message):
        rig = AdaptiveRig()
        rig.frame(number=next(n for n in range(99) if coin(3, "a", n, 0) > 0.5))
        rig.step()
        batch = rig.heard("worker/0#0", Batch)[0].message
        fields = {"first_label_id": 1, "first_confidence": 0.5, "parts": (0.1, 0.1, 0.1)}
        result = RegionResult(1, 0.5, 0, 0.5, 10, **(fields | changes))
        with pytest.raises(PeerError, match=message):
            rig.say("worker/0#0", BatchDone(batch.batch, [result], 1.0, 1.0))


class TestBreaks:
    def test_a_new_segment_begins_the_evidence_anew(self):
        rig = AdaptiveRig()
        rig.show("clean", 60)
        assert not rig.adapter.forces_full_depth
        rig.show("clean", 2, segment=1)
        assert rig.adapter.forces_full_depth
        assert "source: a: its pictures come from a new connection" in alarms(rig)[-1]
        assert [note["source"] for note in notes(rig, "reset")] == ["a"]

    def test_a_break_may_end_where_it_began(self):
        rig = AdaptiveRig()
        rig.show("clean", 60)
        rig.show("clean", 400, segment=1)
        assert rig.adapter.controller.figures.at_home

    def test_the_first_segment_of_a_source_is_no_break(self):
        rig = AdaptiveRig()
        rig.show("clean", 30, segment=5)
        assert notes(rig, "reset") == []


class TestAlwaysFull:
    def test_its_answers_are_those_of_full_depth_and_no_audits(self):
        rig = AdaptiveRig(("a", "b"), always_full=frozenset({"b"}))
        for _ in range(60):
            rig.shifts["b", rig.sent_frames["b"]] = "noise"
            rig.frame("b")
            rig.show("clean", 1)
        assert len(rig.lines("b")) == 60
        assert all(line["exit"] == 3 and not line["audited"] for line in rig.lines("b"))
        assert any(line["exit"] < 3 for line in rig.lines("a"))

    def test_a_class_may_be_too_dear_to_leave_early(self):
        adapter = make_adapter(always_full=(2, 3))
        rig = AdaptiveRig(adapter=adapter)
        rig.show("clean", 200)
        assert rig.hub.policies.in_force.body["classes"] == [2, 3]
        dear = [line for line in rig.lines() if line["label_id"] in {2, 3}]
        assert dear
        assert all(line["exit"] == 3 for line in dear)
        assert any(line["exit"] < 3 for line in rig.lines())

    def test_adaptation_does_not_look_at_it(self):
        rig = AdaptiveRig(("a", "b"), always_full=frozenset({"b"}))
        for _ in range(60):
            rig.shifts["b", rig.sent_frames["b"]] = "noise"
            rig.frame("b")
            rig.show("clean", 1)
        assert rig.adapter.controller.regions == 60


def test_other_settings_begin_evidence_anew_but_not_the_count_of_regions():
    rig = AdaptiveRig()
    rig.show("clean", 60)
    before = rig.adapter.controller
    assert before.regions == 60
    settings = msgspec.structs.replace(SETTINGS, epsilon=0.05)
    rig.adapter.retune(settings, "another limit")
    rig.show("clean", 10)
    after = rig.adapter.controller
    assert after.regions == 70
    assert after.num_alarms == before.num_alarms + 1
    assert after.alarms[-1].at == 59
    assert after.figures.valid_since >= 60
