"""Temperatures, survivors, and Platt's sigmoid beside them."""

import numpy as np
import pytest

from dart_stream.calibration import (
    MIN_PICTURES,
    TEMPERATURE_RANGE,
    calibrated_probabilities,
    fit_temperatures,
    survivors,
)
from dart_stream.metrics import expected_calibration_error
from dart_stream.platt import Sigmoid, compare_calibrations, fit_sigmoid


def honest_logits(count, seed=0):
    """Logits whose softmax is the probability with which the labels were drawn."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (count, 4))
    noise = generator.gumbel(size=logits.shape)
    return logits, (logits + noise).argmax(1)


def calibration_error(probabilities, labels):
    return expected_calibration_error(probabilities.max(1), probabilities.argmax(1) == labels)


def test_the_temperature_that_spoilt_the_logits_is_found():
    logits, labels = honest_logits(20_000)
    spoilt = np.stack([logits * 2.5, logits, logits / 2])
    assert fit_temperatures(spoilt, labels) == pytest.approx([2.5, 1.0, 0.5], rel=0.03)


def test_calibration_lowers_the_error_and_keeps_the_answers():
    logits, labels = honest_logits(20_000)
    spoilt = (logits * 3)[None]
    before = calibrated_probabilities(spoilt, [1.0])[0]
    after = calibrated_probabilities(spoilt, fit_temperatures(spoilt, labels))[0]
    assert calibration_error(before, labels) > 0.1
    assert calibration_error(after, labels) < 0.02
    assert (before.argmax(1) == after.argmax(1)).all()


def test_fitted_temperature_beats_its_neighbours_in_likelihood():
    logits, labels = honest_logits(500, seed=3)
    (best,) = fit_temperatures(logits[None] * 1.7, labels)

    def likelihood(temperature):
        probabilities = calibrated_probabilities(logits[None] * 1.7, [temperature])[0]
        return np.log(probabilities[np.arange(500), labels]).mean()

    assert likelihood(best) >= max(likelihood(best * 0.99), likelihood(best * 1.01))


def test_an_exit_that_is_always_right_gets_the_lower_bound():
    labels = np.array([0, 1, 1])
    logits = np.eye(2)[labels][None] * 4
    assert fit_temperatures(logits, labels) == pytest.approx([TEMPERATURE_RANGE[0]], rel=1e-4)


def test_an_exit_that_is_always_wrong_gets_the_upper_bound():
    labels = np.array([0, 1, 1])
    logits = np.eye(2)[1 - labels][None] * 4
    assert fit_temperatures(logits, labels) == pytest.approx([TEMPERATURE_RANGE[1]], rel=1e-4)


class TestSurvivors:
    def test_who_left_at_an_exit_reaches_no_later_one(self):
        early, middle, last = [0.9, 0.1], [0.6, 0.4], [0.5, 0.5]
        probabilities = np.array(
            [[early, middle, middle], [early, early, middle], [last, last, last]]
        )
        reached = survivors(probabilities, [0.9, 0.8])
        assert reached.tolist() == [
            [True, True, True],
            [False, True, True],
            [False, False, True],
        ]

    def test_an_exit_is_fitted_on_the_pictures_that_reach_it(self):
        easy, easy_labels = honest_logits(5_000)
        hard, hard_labels = honest_logits(5_000, seed=1)
        logits = np.concatenate([easy * 4, hard * 2])[None]
        labels = np.concatenate([easy_labels, hard_labels])
        reached = np.arange(10_000)[None] >= 5_000
        assert fit_temperatures(logits, labels, reached) == pytest.approx([2.0], rel=0.06)

    def test_too_few_survivors_give_way_to_all_pictures(self):
        logits, labels = honest_logits(1_000)
        few = np.arange(1_000)[None] < MIN_PICTURES - 1
        assert fit_temperatures(logits[None], labels, few) == fit_temperatures(logits[None], labels)


class TestSigmoid:
    def outcomes(self, sigmoid, count=40_000):
        generator = np.random.default_rng(5)
        confidence = generator.uniform(0.3, 1.0, count)
        return confidence, generator.random(count) < sigmoid(confidence)

    @pytest.mark.parametrize("truth", [Sigmoid(1.0, 0.0), Sigmoid(0.5, -0.7), Sigmoid(1.8, 0.4)])
    def test_the_map_that_made_the_outcomes_is_found(self, truth):
        assert fit_sigmoid(*self.outcomes(truth)) == pytest.approx(truth, abs=0.08)

    def test_identity_leaves_confidences_alone(self):
        confidence = np.array([0.1, 0.5, 0.99])
        np.testing.assert_allclose(Sigmoid(1.0, 0.0)(confidence), confidence)

    def test_larger_confidences_stay_larger(self):
        mapped = fit_sigmoid(*self.outcomes(Sigmoid(0.4, -1.0), 500))(np.linspace(0, 1, 101))
        assert (np.diff(mapped) > 0).all()
        assert ((mapped >= 0) & (mapped <= 1)).all()

    def test_answers_that_are_right_less_often_when_surer_give_a_constant(self):
        sigmoid = fit_sigmoid(*self.outcomes(Sigmoid(-1.0, 0.0)))
        assert sigmoid.slope == 0

    @pytest.mark.parametrize("right", [True, False])
    def test_outcomes_of_one_kind_have_an_optimum(self, right):
        confidence = np.linspace(0.5, 1.0, 50)
        mapped = fit_sigmoid(confidence, np.full(50, right))(confidence)
        assert np.isfinite(mapped).all()
        assert (mapped > 0.5).all() == right


class TestComparison:
    def test_temperature_is_kept_where_it_is_all_there_is_to_gain(self):
        logits, labels = honest_logits(4_000)
        found = compare_calibrations(logits * 3, labels)
        assert found.chosen == "temperature"
        assert found.n == 4_000
        assert found.temperature.nll < found.none.nll
        assert found.temperature.ece < found.none.ece

    def test_sigmoid_is_chosen_where_a_temperature_cannot_repair(self):
        logits, labels = honest_logits(4_000)
        generator = np.random.default_rng(9)
        # Every third label is drawn anew: even the surest answers are wrong now and then.
        spoilt = np.where(generator.random(4_000) < 1 / 3, generator.integers(0, 4, 4_000), labels)
        found = compare_calibrations(logits * 3, spoilt)
        assert found.chosen == "platt"
        assert found.nll_gain > found.nll_gain_se > 0
        assert found.platt.ece < found.temperature.ece

    def test_halves_are_judged_by_fits_on_the_other_half(self):
        # Labels without any relation to the logits: a fit on the judged pictures themselves
        # would look better than ignorance, one on others cannot.
        generator = np.random.default_rng(2)
        logits, labels = generator.normal(0, 3, (60, 2)), generator.integers(0, 2, 60)
        assert compare_calibrations(logits, labels).platt.nll > np.log(2) * 0.98

    def test_the_cut_is_the_same_every_time(self):
        logits, labels = honest_logits(300)
        assert compare_calibrations(logits, labels) == compare_calibrations(logits, labels)
