"""Figures of merit against numbers computed by hand."""

import math

import numpy as np
import pytest

from dart_stream import metrics


def test_accuracy_is_the_share_of_right_answers():
    assert metrics.accuracy([1, 2, 3, 0], [1, 2, 0, 0]) == 0.75


def test_calibration_error_by_hand():
    # Two in the bin around .9 (one right), one in the bin around .3 (right):
    # (|.9 + .92 - 1| + |.3 - 1|) / 3
    error = metrics.expected_calibration_error([0.9, 0.92, 0.3], [True, False, True])
    assert error == pytest.approx((0.82 + 0.7) / 3)


def test_calibration_error_averages_inside_a_bin_before_taking_the_size():
    assert metrics.expected_calibration_error([0.5, 0.5], [True, False], bins=1) == 0


def test_calibration_error_puts_a_bin_edge_into_the_lower_bin():
    # .5 and .6 share no bin of two, so their gaps of -.5 and +.6 do not cancel.
    error = metrics.expected_calibration_error([0.5, 0.6], [True, False], bins=2)
    assert error == pytest.approx((0.5 + 0.6) / 2)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_calibration_error_accepts_both_ends(confidence):
    error = metrics.expected_calibration_error([confidence], [bool(confidence)])
    assert error == 0


@pytest.mark.parametrize("levels", [2, 7, 10_000])
@pytest.mark.parametrize("share", [0.03, 0.5])
def test_auroc_is_the_share_of_pairs_in_order_with_ties_counting_half(levels, share):
    generator = np.random.default_rng(levels)
    score = generator.integers(0, levels, 300) / 3
    positive = generator.random(300) < share
    pairs = score[positive][:, None] - score[~positive][None]
    expected = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    assert metrics.auroc(score, positive) == pytest.approx(expected, rel=1e-12)
    assert metrics.auroc(-score, positive) == pytest.approx(1 - expected, rel=1e-12)


def test_auroc_of_perfect_and_of_constant_scores():
    assert metrics.auroc([1, 2, 3, 4], [False, False, True, True]) == 1
    assert metrics.auroc([4, 3, 2, 1], [False, False, True, True]) == 0
    assert metrics.auroc([7, 7, 7], [False, True, True]) == 0.5


@pytest.mark.parametrize("positive", [[True, True], [False, False]])
def test_auroc_of_one_kind_only_is_refused(positive):
    with pytest.raises(ValueError, match=r"expected positives and negatives, got [02] positives"):
        metrics.auroc([1, 2], positive)


def test_exit_shares_depth_and_cost_by_hand():
    exits = [0, 0, 1, 3]
    np.testing.assert_array_equal(metrics.exit_shares(exits, 4), [0.5, 0.25, 0, 0.25])
    assert metrics.average_exit_depth(exits, 4) == pytest.approx((1 + 1 + 2 + 4) / 16)
    assert metrics.macs_fraction([10, 30], full_macs=40) == 0.5
    assert metrics.macs_fraction([10, 30], full_macs=40, estimator_macs=2) == 0.55
    assert metrics.compute_savings_ratio([50, 50], full_macs=40) == -0.25


def test_depth_is_one_at_full_depth():
    assert metrics.average_exit_depth([2, 2], 3) == 1


def test_an_exit_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"expected exits in 0 \.\. 1, got 0 \.\. 2"):
        metrics.exit_shares([0, 2], 2)


@pytest.mark.parametrize(("trials", "confidence"), [(10, 0.95), (114, 0.9), (230, 0.9)])
def test_no_event_gives_the_closed_form_bound(trials, confidence):
    # (1 - p)^n = 1 - confidence
    closed = 1 - (1 - confidence) ** (1 / trials)
    assert metrics.clopper_pearson_upper(0, trials, confidence) == pytest.approx(closed, rel=1e-9)


def test_one_event_of_two_gives_the_closed_form_bound():
    # P(X <= 1) = 1 - p^2 = 0.05
    assert metrics.clopper_pearson_upper(1, 2) == pytest.approx(math.sqrt(0.95), rel=1e-9)


def test_the_bound_is_where_the_binomial_tail_says():
    events, trials = 7, 300
    upper = metrics.clopper_pearson_upper(events, trials, 0.9)
    tail = sum(
        math.comb(trials, k) * upper**k * (1 - upper) ** (trials - k) for k in range(events + 1)
    )
    assert tail == pytest.approx(0.1, rel=1e-9)


def test_a_published_two_sided_interval():
    # 10 of 100 at 95 %: the exact interval of the textbooks is 4.90 % to 17.62 %.
    interval = metrics.clopper_pearson_interval(10, 100)
    assert interval.lower == pytest.approx(0.0490, abs=5e-5)
    assert interval.upper == pytest.approx(0.1762, abs=5e-5)


def test_intervals_reach_the_ends():
    assert metrics.clopper_pearson_interval(0, 5).lower == 0
    assert metrics.clopper_pearson_interval(5, 5).upper == 1
    assert metrics.clopper_pearson_upper(1, 1) == 1


def test_large_counts_neither_overflow_nor_underflow():
    upper = metrics.clopper_pearson_upper(2_000, 100_000)
    normal = 0.02 + 1.645 * math.sqrt(0.02 * 0.98 / 100_000)
    assert upper == pytest.approx(normal, abs=2e-5)


def test_the_bound_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    events = generator.binomial(200, 0.03, size=2_000)
    uppers = {e: metrics.clopper_pearson_upper(int(e), 200, 0.9) for e in np.unique(events)}
    assert np.mean([uppers[e] >= 0.03 for e in events]) >= 0.9


def test_disagreement_tells_estimate_bound_and_sample():
    summary = metrics.disagreement([True] + [False] * 49, confidence=0.9)
    assert summary.estimate == 0.02
    assert summary.audits == 50
    assert summary.confidence == 0.9
    assert summary.upper == metrics.clopper_pearson_upper(1, 50, 0.9) > 0.02


def test_the_interval_of_an_accuracy_holds_it():
    lower, upper = metrics.accuracy_interval([0] * 10, [0] * 9 + [1])
    assert lower < 0.9 < upper
    assert (lower, upper) == metrics.clopper_pearson_interval(9, 10)


def test_daes_is_the_product_over_one_plus_alpha():
    assert metrics.daes(0.9, 2, 3, 0.8) == pytest.approx(3)


@pytest.mark.parametrize(
    "measure",
    [
        lambda: metrics.accuracy([], []),
        lambda: metrics.accuracy([1, 2], [1]),
        lambda: metrics.expected_calibration_error([], []),
        lambda: metrics.auroc([], []),
        lambda: metrics.auroc([1, 2], [True]),
        lambda: metrics.exit_shares([], 3),
        lambda: metrics.macs_fraction([], 1),
        lambda: metrics.disagreement([]),
    ],
)
def test_nothing_measured_is_refused_not_zero(measure):
    with pytest.raises(ValueError, match="expected columns of one length above 0"):
        measure()


@pytest.mark.parametrize("arguments", [(3, 2, 0.9), (-1, 2, 0.9), (0, 0, 0.9), (1, 2, 1.0)])
def test_impossible_counts_are_refused(arguments):
    with pytest.raises(ValueError, match="binomial bound: expected"):
        metrics.clopper_pearson_upper(*arguments)


def test_wilson_interval_by_hand():
    # Newcombe 1998, table I: 81 of 263.
    found = metrics.wilson_interval(81 / 263, 263)
    assert found == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_wilson_interval_stays_in_range_at_the_ends(share):
    low, high = metrics.wilson_interval(share, 20)
    assert 0 <= low < high <= 1


@pytest.mark.parametrize(("share", "trials"), [(0.5, 0), (1.2, 10), (-0.1, 10)])
def test_wilson_interval_of_nothing_is_refused(share, trials):
    with pytest.raises(ValueError, match="wilson interval: expected a share"):
        metrics.wilson_interval(share, trials)


def test_a_bound_is_the_same_to_the_bit_whatever_was_asked_before():
    from dart_stream.metrics import _log_factorial_table, _log_factorials

    for n in (0, 1, 2, 63, 64, 1_000, 5_000):
        _log_factorial_table.cache_clear()
        alone = _log_factorials(n).copy()
        _log_factorials(n + 7)
        _log_factorials(2 * n)
        expected = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
        assert np.array_equal(_log_factorials(n), alone)
        assert np.array_equal(alone, expected)
