"""Temperatures and calibration error."""

import numpy as np
import pytest

from dart_stream.calibration import (
    TEMPERATURE_RANGE,
    calibrated_probabilities,
    expected_calibration_error,
    fit_temperatures,
)


def honest_logits(count, seed=0):
    """Logits whose softmax is the probability with which the labels were drawn."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (count, 4))
    noise = generator.gumbel(size=logits.shape)
    return logits, (logits + noise).argmax(1)


def test_the_temperature_that_spoilt_the_logits_is_found():
    logits, labels = honest_logits(20_000)
    spoilt = np.stack([logits * 2.5, logits, logits / 2])
    assert fit_temperatures(spoilt, labels) == pytest.approx([2.5, 1.0, 0.5], rel=0.03)


def test_calibration_lowers_the_error_and_keeps_the_answers():
    logits, labels = honest_logits(20_000)
    spoilt = (logits * 3)[None]
    before = calibrated_probabilities(spoilt, [1.0])[0]
    after = calibrated_probabilities(spoilt, fit_temperatures(spoilt, labels))[0]
    assert expected_calibration_error(before, labels) > 0.1
    assert expected_calibration_error(after, labels) < 0.02
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


def test_calibration_error_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.4, 0.6], [0.4, 0.6]])
    labels = np.array([0, 1, 1, 1])
    # Two pictures at confidence .95 half right, two at .6 all right.
    expected = (2 * abs(0.95 - 0.5) + 2 * abs(0.6 - 1.0)) / 4
    assert expected_calibration_error(probabilities, labels, bins=10) == pytest.approx(expected)


def test_full_confidence_belongs_to_the_last_bin():
    assert expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0
