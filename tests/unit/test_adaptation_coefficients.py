"""Class coefficients: bounded, honest about what they know, and forgetful."""

import numpy as np
import pytest

from dart_stream.adaptation.coefficients import no_coefficients
from dart_stream.policies import DartPolicy

EPSILON = 0.02


def taught(rates, audits=6000, exits=(0, 1), coefficients=None):
    """Coefficients after audits of classes that differ at these rates."""
    rng = np.random.default_rng(0)
    coefficients = coefficients or no_coefficients(len(rates), 2)
    for _ in range(audits):
        y, k = int(rng.integers(0, len(rates))), int(rng.choice(exits))
        coefficients.add(y, k, differs=bool(rng.random() < rates[y]), epsilon=EPSILON)
    return coefficients


def test_hard_classes_end_with_larger_ones_than_easy_classes():
    g = np.array(taught([0.002, 0.01, 0.06]).pending)
    assert (g[2] > 0.2).all()
    assert (g[0] < g[2] - 0.3).all()


@pytest.mark.parametrize("rates", [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
def test_they_never_leave_their_bounds_whatever_they_are_told(rates):
    g = np.array(taught(rates, audits=4000).pending)
    assert g.min() >= -1
    assert g.max() <= 3


def test_classes_that_are_alike_are_treated_alike():
    g = np.array(taught([0.01] * 4, audits=3000).pending)
    assert np.abs(g).max() <= 0.4


def test_a_few_audits_move_nothing():
    assert not np.any(taught([0.0, 0.05], audits=49).pending)


def test_they_fade_without_evidence():
    coefficients = taught([0.0, 0.2])
    before = max(map(max, coefficients.pending))
    coefficients.fade(50_000)
    assert max(map(max, coefficients.pending)) == pytest.approx(before / np.e)
    coefficients.fade(2_000_000)
    coefficients.adopt()
    assert coefficients.in_use() == ()


def test_what_is_in_use_changes_only_when_it_is_adopted():
    coefficients = taught([0.0, 0.2])
    assert coefficients.in_use() == ()
    assert coefficients.distance() > 0.2
    assert coefficients.adopt()
    assert coefficients.distance() <= 0.025 + 1e-9
    assert not coefficients.adopt()
    DartPolicy(thresholds=(0.5, 0.5), coefficients=coefficients.in_use()).require_fit(3, 2)


def test_audits_at_the_last_exit_say_nothing_of_early_ones():
    assert not np.any(taught([0.0, 1.0], exits=(2,)).pending)
