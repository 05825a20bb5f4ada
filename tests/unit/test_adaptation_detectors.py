"""Label-free detectors: quiet while nothing changes, quick when something does."""

from dataclasses import replace

import numpy as np
import pytest
from shifting_table import observe, shifting_table

from dart_stream.adaptation.audit_detector import AuditDetector
from dart_stream.adaptation.class_mix import ClassMix, label_weights, shares_of
from dart_stream.adaptation.cusum import cusums_of_reference, rebased
from dart_stream.adaptation.difficulty_ends import ends_of_shares
from dart_stream.adaptation.signals import learn_signals

LEVEL = 14.0


@pytest.fixture(scope="module")
def skewed():
    """Two signals whose tails are heavy on one side."""
    rng = np.random.default_rng(0)
    return np.column_stack([rng.gamma(1.5, 1, 4000), rng.normal(0, 2, 4000)])


def first_alarm(cusums, rows, level=LEVEL):
    return next((n for n, row in enumerate(rows) if cusums.add(row, level) >= 0), None)


def draw(table, count, seed, moved=(0.0, 0.0)):
    rng = np.random.default_rng(seed)
    rows = table[rng.integers(0, len(table), count)] + np.array(moved) * table.std(0)
    return [tuple(row) for row in rows.tolist()]


def test_false_alarms_are_rarer_than_the_bound(skewed):
    cusums, level, regions, alarms = cusums_of_reference(skewed, [True] * 2), 6.0, 20_000, 0
    for row in draw(skewed, regions, 1):
        if cusums.add(row, level) >= 0:
            alarms += 1
            cusums.sums = [0.0] * 8
    assert alarms <= 8 * regions / np.exp(level)


@pytest.mark.parametrize("moved", [(0.6, 0), (-0.6, 0), (0, 0.6), (0, -0.6)])
def test_a_move_of_half_a_deviation_is_seen_within_150_regions(skewed, moved):
    cusums = cusums_of_reference(skewed, [True] * 2)
    delays = []
    for seed in range(7):
        cusums.sums = [0.0] * 8
        delays.append(first_alarm(cusums, draw(skewed, 600, seed, moved)))
    assert np.median(delays) <= 150


def test_a_signal_that_is_not_watched_never_alarms(skewed):
    cusums = cusums_of_reference(skewed, [False, True])
    assert first_alarm(cusums, draw(skewed, 500, 3, (5.0, 0))) is None


def test_it_says_which_signal_moved(skewed):
    cusums = cusums_of_reference(skewed, [True] * 2)
    found = [cusums.add(row, LEVEL) for row in draw(skewed, 60, 3, (0, 3.0))]
    assert set(found) == {-1, 1}


def test_a_new_normal_is_normal_and_leaving_it_is_not(skewed):
    home = cusums_of_reference(skewed, [True] * 2)
    new = np.array(draw(skewed, 300, 5, (2.0, -1.0)))
    away = rebased(home, new.mean(0), new.std(0), len(new))
    assert first_alarm(away, draw(skewed, 4000, 6, (2.0, -1.0))) is None
    assert first_alarm(away, draw(skewed, 300, 7)) <= 60


def test_a_new_normal_known_from_little_is_judged_with_more_patience(skewed):
    home = cusums_of_reference(skewed, [True] * 2)
    mean, spread = skewed.mean(0), skewed.std(0)
    little, much = (rebased(home, mean, spread, n) for n in (50, 5000))
    rows = draw(skewed, 600, 8, (0, 0.5))
    assert first_alarm(much, rows) < (first_alarm(little, rows) or 600)


def test_signals_of_calibration_pictures_are_0_on_average_and_1_wide():
    table = shifting_table(3000)
    reference, rows = learn_signals(
        table.parts, table.confidence[:, 0].astype(float), table.answers[:, 0], 10
    )
    assert np.abs(rows.mean(0)).max() < 0.05
    assert np.abs(rows.std(0) - 1).max() < 0.1
    one_by_one = [reference.of(observe(table, row, 0)) for row in range(50)]
    np.testing.assert_allclose(one_by_one, rows[:50], atol=1e-9)


def test_another_mix_of_classes_moves_signals_less_than_a_shift():
    table = shifting_table(3000)
    reference, _ = learn_signals(
        table.parts, table.confidence[:, 0].astype(float), table.answers[:, 0], 10
    )

    def largest_mean(**changes):
        other = shifting_table(1000, 1, **changes)
        rows = [reference.of(observe(other, row, 0)) for row in range(1000)]
        return np.abs(np.mean(rows, axis=0)).max()

    assert largest_mean(favourite=9) < 0.35 < largest_mean(shift="blur")


def test_one_absurd_picture_is_no_alarm():
    table = shifting_table(3000)
    reference, rows = learn_signals(
        table.parts, table.confidence[:, 0].astype(float), table.answers[:, 0], 10
    )
    cusums = cusums_of_reference(rows, [True] * 7)
    absurd = replace(observe(table, 0, 0), parts=(0.0, 0.0, 0.0), first_confidence=1.0)
    assert cusums.add(reference.of(absurd), LEVEL) == -1


def test_more_regions_at_an_end_of_difficulty_are_noticed_and_fewer_are_not():
    rng = np.random.default_rng(0)
    quiet, loud = ends_of_shares(0.02, 0.02), ends_of_shares(0.02, 0.02)
    assert not any(quiet.add(d, LEVEL) for d in rng.random(5000))
    assert not any(quiet.add(0.5, LEVEL) for _ in range(5000))
    assert any(loud.add(d, LEVEL) for d in np.maximum(rng.random(60), 0.99))


def test_where_the_ends_are_always_full_they_tell_nothing():
    ends = ends_of_shares(0.9, 0.0)
    assert not any(ends.add(0.0, LEVEL) for _ in range(1000))


def usual_mix(classes=10):
    return ClassMix(shares=[1 / classes] * classes, counts=[0] * classes)


def test_a_change_of_the_mix_is_noticed_and_none_is_not():
    rng = np.random.default_rng(1)
    mix = usual_mix()
    assert not any(mix.add(int(y), LEVEL) for y in rng.integers(0, 10, 8000))
    changed = rng.choice(10, 300, p=[0.5] + [0.5 / 9] * 9)
    assert any(mix.add(int(y), LEVEL) for y in changed)


def test_a_new_mix_is_learned_and_then_normal():
    rng = np.random.default_rng(2)
    p = np.array([0.5] + [0.5 / 9] * 9)
    mix = usual_mix()
    for y in rng.choice(10, 300, p=p):
        mix.add(int(y), LEVEL)
    mix.rebase(list(mix.counts), mix.shares)
    assert not any(mix.add(int(y), LEVEL) for y in rng.choice(10, 5000, p=p))
    assert mix.shares[0] == pytest.approx(0.5, abs=0.05)
    assert any(mix.add(int(y), LEVEL) for y in rng.integers(0, 10, 600))


def test_the_mix_of_true_classes_is_recovered_from_answers_that_err():
    rng = np.random.default_rng(3)
    given_truth = 0.6 * np.eye(4) + 0.1  # P(answer | class), columns sum to 1
    before, after = np.full(4, 0.25), np.array([0.55, 0.15, 0.15, 0.15])
    weights = label_weights(given_truth * before, given_truth @ after)
    np.testing.assert_allclose(weights * before, after, atol=0.03)
    neutral = label_weights(given_truth * before, given_truth @ before)
    np.testing.assert_allclose(neutral, 1, atol=1e-6)
    wild = label_weights(np.full((4, 4), 1 / 16), rng.dirichlet(np.ones(4)))
    assert ((wild >= 0.1) & (wild <= 10)).all()


def test_a_class_that_calibration_has_not_keeps_its_weight():
    confusion = np.diag([0.5, 0.5, 0.0])
    weights = label_weights(confusion, np.array([0.8, 0.2, 0.0]))
    assert weights[0] > 1.2
    assert weights[1] < 0.8
    assert weights[2] == pytest.approx(1.0)
    never_right = np.array([[0.0, 0.5], [0.5, 0.0]])
    assert np.isfinite(label_weights(never_right, np.array([0.5, 0.5]))).all()


def test_no_class_is_impossible():
    assert min(shares_of(np.array([5.0, 0.0]))) > 0


def test_audits_alarm_when_they_differ_too_often():
    rng = np.random.default_rng(4)

    def alarms(rate, audits):
        detector = AuditDetector()
        return sum(
            detector.add(differs=bool(x), normal=0.013, epsilon=0.02, level=9.0)
            for x in rng.random(audits) < rate
        )

    assert alarms(0.008, 4000) == 0
    assert alarms(0.15, 200) > 0
