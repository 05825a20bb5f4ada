"""How `bench shift` plays a controller, counts what it did, and sums up."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from synthetic_table import synthetic_table

from dart_stream.adaptation import CONTROLLERS, Alarm, Controller
from dart_stream.data import Pictures
from dart_stream.policies import DartPaperPolicy, DartPolicy, FullDepthPolicy, replay
from pipeline.bench.shift.contest import Contest, Terms
from pipeline.bench.shift.law import Law
from pipeline.bench.shift.look import Look
from pipeline.bench.shift.measures import (
    GRACE,
    HORIZON,
    clean_cost,
    detection_delays,
    false_alarm_ranges,
    overhead,
    returns,
    window_means,
)
from pipeline.bench.shift.play import SAMPLE_EVERY, as_applied, play, spent
from pipeline.bench.shift.played import Played, Sample
from pipeline.bench.shift.segments import read_segments
from pipeline.bench.shift.series import SeriesSum
from pipeline.bench.shift.shelf import Shelf
from pipeline.bench.shift.stream import Script, Stream
from pipeline.bench.shift.summary import Summary
from pipeline.bench.shift.truth import TrueRates

CLASSES = tuple("abcde")
PICTURES = 300
LABELS = synthetic_table(PICTURES).labels
LAW = Law.of(LABELS, CLASSES)
LOW, HIGH = (DartPolicy(thresholds=(t, t)) for t in (0.3, 0.95))


def make_shelf():
    images = np.zeros((PICTURES, 4, 4, 3), np.uint8)
    parts = np.random.default_rng(0).random((PICTURES, 3)).astype(np.float32)

    def record(_seen, words):
        noisy = {} if words == "clean" else {"temperatures": (3.0,) * 3}
        return synthetic_table(PICTURES, source=words, parts=parts, **noisy)

    return Shelf(Pictures(images, LABELS, CLASSES, (), ()), record)


SHELF = make_shelf()
COSTS = SHELF.table(Look(())).macs


def stream_of(schedule, seed=0):
    return Stream.of(Script.draw(read_segments(schedule, CLASSES), LAW, seed), SHELF, LABELS)


@dataclass
class Scripted(Controller):
    """Follows a script: which policy, coin and burst before each region."""

    policies: dict = field(default_factory=lambda: {0: LOW})
    coin: float = 0.0
    bursts: tuple = ()
    alarms_at: tuple = ()
    name = "scripted"

    def __post_init__(self):
        self.seen = []
        self.current = self.policies[0]

    @property
    def policy(self):
        return self.current

    @property
    def audit_probability(self):
        return self.coin

    @property
    def forces_full_depth(self):
        return any(begin <= len(self.seen) < end for begin, end in self.bursts)

    @property
    def alarms(self):
        return [Alarm(at, "pixels", "another world") for at in self.alarms_at]

    def update(self, observation):
        self.seen.append(observation)
        self.current = self.policies.get(len(self.seen), self.current)

    def to_state(self):
        return {}

    def from_state(self, state):
        return self


def expected_exits(stream, policies):
    """One region at a time, without any chunk."""
    found = []
    for i in range(len(stream.labels)):
        policy = policies[max(at for at in policies if at <= i)]
        of_paper = policy.difficulty_mode == "paper"
        difficulty = (stream.alpha if of_paper else stream.difficulty)[i : i + 1]
        found.append(int(replay(policy, stream.probabilities[i : i + 1], difficulty)[0]))
    return found


def test_each_region_is_decided_by_the_policy_of_its_moment():
    stream = stream_of("clean:600")
    paper = DartPaperPolicy(thresholds=(0.4, 0.5))
    policies = {0: LOW, 3: HIGH, 4: LOW, 17: paper, 250: HIGH, 251: paper, 400: FullDepthPolicy()}
    controller = Scripted(policies=policies)
    played = play(controller, stream, COSTS)
    exits = expected_exits(stream, policies)
    assert [seen.exit_index for seen in controller.seen] == exits
    assert played.answers.tolist() == stream.answers[np.arange(600), exits].tolist()
    assert len(set(exits)) == 3
    watched = (COSTS.up_to_exit() / COSTS.plain())[exits[:400]]
    assert played.deployed[:400] == pytest.approx(watched)
    unwatched = COSTS.up_to_exit([False, False])[-1] / COSTS.plain()
    assert played.deployed[400:] == pytest.approx(unwatched)


def test_a_controller_is_told_what_happened():
    stream = stream_of("clean:50")
    controller = Scripted()
    play(controller, stream, COSTS)
    for i in (0, 7, 49):
        seen, k = controller.seen[i], controller.seen[i].exit_index
        assert seen.label_id == stream.answers[i, k]
        assert seen.confidence == stream.confidence[i, k]
        assert (seen.first_label_id, seen.first_confidence) == (
            stream.answers[i, 0],
            stream.confidence[i, 0],
        )
        assert seen.difficulty == stream.difficulty[i]
        assert seen.parts == tuple(stream.parts[i])
        assert seen.audit is None


def test_coins_choose_audits_and_every_head_is_paid():
    stream = stream_of("clean:4000")
    controller = Scripted(coin=0.1)
    played = play(controller, stream, COSTS)
    audited = [i for i, seen in enumerate(controller.seen) if seen.audit is not None]
    assert audited == np.flatnonzero(stream.script.coins < 0.1).tolist()
    seen = controller.seen[audited[0]]
    assert seen.audit.label_ids == tuple(stream.answers[audited[0]])
    assert seen.audit.confidences == pytest.approx(tuple(stream.confidence[audited[0]]))
    assert (seen.audit.probability, seen.audit.truth) == (0.1, None)
    whole = COSTS.up_to_exit()[-1] / COSTS.plain()
    assert played.charged[audited] == pytest.approx(whole)
    assert seen.cost_share == pytest.approx(whole)
    # An audit does not change the answer, so its disagreement counts.
    assert played.differs[audited].any()
    assert played.deployed[audited].mean() < 0.9 * whole


def test_a_burst_answers_at_full_depth_and_reports_what_would_have_been():
    stream = stream_of("clean:600")
    controller = Scripted(bursts=((100, 300),))
    played = play(controller, stream, COSTS)
    assert np.flatnonzero(played.burst).tolist() == list(range(100, 300))
    assert not played.differs[100:300].any()
    assert played.differs[300:].any()
    inside = controller.seen[100:300]
    assert all(seen.audit is not None and seen.audit.probability == 1 for seen in inside)
    assert [seen.exit_index for seen in controller.seen] == expected_exits(stream, {0: LOW})
    assert [sample.policy for sample in played.samples] == [LOW, None, LOW]
    assert [sample.at for sample in played.samples] == [0, SAMPLE_EVERY, 2 * SAMPLE_EVERY]


def test_overhead_is_what_audits_and_bursts_cost_beyond_the_rest():
    segments = read_segments("clean:4,dark:4", CLASSES)
    played = Played(
        answers=np.zeros(8, int),
        full=np.zeros(8, int),
        labels=np.zeros(8, int),
        deployed=np.array([0.4, 0.4, 0.4, 1.0, 0.5, 0.5, 0.5, 0.5]),
        charged=np.array([0.4, 1.0, 0.4, 1.0, 0.5, 0.5, 0.5, 0.5]),
        burst=np.array([0, 0, 0, 1, 0, 0, 0, 0], bool),
    )
    assert overhead(played, segments) == pytest.approx((0.6 + 0.6) / 8)


def test_windows_begin_after_the_grace_and_never_cross_a_change():
    segments = read_segments("clean:2100,dark:1600,blur:600", CLASSES)
    differs = np.zeros(4300, bool)
    differs[0:30] = differs[1000:1010] = True
    differs[2100 : 2100 + GRACE] = True
    differs[2600:2604] = differs[3600:4300] = True
    means = window_means(differs, segments, 1000)
    assert means == pytest.approx([0.03, 0.01, 0.004])


def alarms_at(*regions):
    return [Alarm(at, "pixels", "x") for at in regions]


def test_a_change_is_detected_by_the_first_alarm_before_the_next():
    segments = read_segments("clean:100,clean:100,dark:100,blur:100,clean:100", CLASSES)
    delays = detection_delays(alarms_at(50, 150, 230, 260, 455), segments)
    assert delays == [30, None, 55]
    assert detection_delays(alarms_at(5), segments[:2]) == []


def test_alarms_are_false_only_where_the_world_has_long_been_clean():
    segments = read_segments("clean:3000,dark:2000,clean:3000,blur:10,clean:1000", CLASSES)
    assert false_alarm_ranges(segments) == [range(3000), range(5000 + HORIZON, 8000)]


def test_cost_is_back_once_it_stays_near_the_clean_cost():
    segments = read_segments("clean:1000,dark:1000,clean:2000,blur:10,clean:600", CLASSES)
    deployed = np.full(4610, 0.9)
    deployed[:1000] = 0.4
    deployed[2700:4000] = 0.405
    assert clean_cost(deployed, segments) == pytest.approx(0.4)
    assert returns(deployed, segments) == [700, None]


def test_cost_cannot_come_back_to_what_was_never_clean():
    segments = read_segments("dark:1000,clean:1000", CLASSES)
    assert returns(np.full(2000, 0.4), segments) == [None]


def test_true_rates_are_those_of_endless_streams():
    segments = read_segments("clean:500,classmix(a,b)+dark:8000", CLASSES)
    stream = stream_of("clean:500,classmix(a,b)+dark:8000")
    played = play(Scripted(), stream, COSTS)
    truth = TrueRates(segments, SHELF, LAW)
    samples = [Sample(250, LOW, None), Sample(750, LOW, None), Sample(1000, None, None)]
    clean, shifted, burst = truth.rates(samples)
    table = SHELF.table(Look(()))
    exits = replay(LOW, table.probabilities, table.difficulty)
    assert clean == pytest.approx((~table.agrees[np.arange(PICTURES), exits]).mean())
    assert shifted == pytest.approx(played.differs[500:].mean(), abs=0.012)
    assert shifted != pytest.approx(clean, abs=0.012)
    assert burst == 0


def summary_of(schedule, *controllers, epsilon=0.02, rates=None):
    segments = read_segments(schedule, CLASSES)
    summary = Summary("x", segments, epsilon=epsilon, window=500, classes=5)
    for seed, controller in enumerate(controllers):
        played = play(controller, stream_of(schedule, seed), COSTS)
        summary.add(played, rates)
    return summary.row()


def test_a_row_sums_up_over_seeds():
    schedule = "clean:1500,dark:1500"
    row = summary_of(
        schedule, Scripted(alarms_at=(10, 1600)), Scripted(policies={0: FullDepthPolicy()})
    )
    first, second = row.segments
    assert first.exit_gap == pytest.approx(first.full_accuracy - first.accuracy)
    assert second.backbone_drop == pytest.approx(first.full_accuracy - second.full_accuracy)
    assert first.backbone_drop == 0
    assert first.worst_settled_disagreement == pytest.approx(2 * first.settled_disagreement)
    assert row.windows.n == 2 * (3 + 2)
    assert row.windows.above_epsilon == 5
    assert row.windows.worst >= first.worst_settled_disagreement
    assert (row.detection, row.detected) == ([100.0], [0.5])
    assert (row.false_alarms, row.clean_regions) == (1, 3000)
    assert [(a.at, a.segment) for a in row.alarms] == [(10, "clean"), (1600, "dark")]
    assert row.alarms_a_stream == 1
    assert row.released is None
    both = row.segments[0].macs_fraction + row.segments[1].macs_fraction
    assert row.macs_fraction == pytest.approx(both / 2)


def test_policies_above_the_limit_are_counted_by_seed():
    rates = [0.01, 0.03, 0.0, 0.05, 0.0, 0.02]  # at 0, 250, ... of 1,500 regions, dark from 750 on
    row = summary_of("clean:750,dark:750", Scripted(), Scripted(), rates=rates)
    assert row.released.seeds_above == 2
    assert row.released.seeds_above_anywhere == 2
    # 0 to 500 count, and 1,250; those between lie in the grace.
    assert row.released.looks_above == pytest.approx(1 / 4)
    assert row.released.worst == 0.03


def test_coefficients_stay_as_they_were_through_a_burst():
    taught = DartPolicy(thresholds=(0.5, None), coefficients=((1.0, 3.0),) + ((0.0, 0.0),) * 4)
    policies = {0: LOW, 300: taught}
    stream = stream_of("clean:1500")
    played = play(Scripted(policies=policies, bursts=((700, 900),)), stream, COSTS)
    series = SeriesSum(1500)
    series.add(played)
    found = series.series()
    assert [row[0] for row in found.coefficients] == [0, 0, 1, 1, 1, 1]
    assert found.full_depth == pytest.approx([0, 0, 50 / 250, 150 / 250, 0, 0])
    assert found.at == list(range(0, 1500, 250))
    assert np.mean(found.accuracy) == pytest.approx((played.answers == played.labels).mean())
    assert found.upper == [None] * 6


def test_all_controllers_play_the_same_streams():
    seen = {}

    def factory(name, coin):
        def make(calibration, costs, *, epsilon, delta=0.05, seed=0, target_cost_share=None):
            controller = Scripted(coin=coin)
            seen[name, seed] = (controller, target_cost_share)
            return controller

        return make

    terms = Terms(
        segments=read_segments("clean:600,dark:300", CLASSES),
        methods=("a", "b"),
        epsilon=0.02,
        delta=0.05,
        window=100,
        seeds=2,
        controllers={"a": factory("a", 0.05), "b": factory("b", 0.2), "dart": factory("dart", 0)},
    )
    contest = Contest(terms, SHELF, LABELS, SHELF.table(Look(())), COSTS)
    steps = []
    rows = contest.play_all(lambda what, done, total: steps.append((done, total)))
    assert [row.name for row in rows] == ["a", "b"]
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    first, other = seen["a", 0][0].seen, seen["b", 0][0].seen
    assert [s.label_id for s in first] == [s.label_id for s in other]
    audited = [{i for i, s in enumerate(x) if s.audit} for x in (first, other)]
    assert audited[0] < audited[1]
    assert seen["b", 1][1] == contest.clean_cost == pytest.approx(0.19, abs=0.02)
    assert [s.label_id for s in first] != [s.label_id for s in seen["a", 1][0].seen]


def test_detectors_are_paid_for_as_a_worker_pays():
    """Exit 0 is asked for them also where nobody may leave there."""
    off = DartPolicy(thresholds=(None, 0.9))
    clean = SHELF.table(Look(()))
    dart, static = (CONTROLLERS[name](clean, COSTS, epsilon=0.05) for name in ("dart", "static"))
    assert as_applied(static, off) is off
    assert as_applied(dart, off).watches(0)
    charged, free = spent(dart, off, COSTS, 3), spent(static, off, COSTS, 3)
    head, estimator = COSTS.heads[0] / COSTS.plain(), COSTS.estimator / COSTS.plain()
    assert np.subtract(charged, free).tolist() == pytest.approx([head + estimator] * 3)
