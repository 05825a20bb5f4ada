"""Class coefficients: bounded, honest about what they know, and forgetful."""

import msgspec
import numpy as np
import pytest

from dart_stream.adaptation.class_agreement import (
    ClassAgreement,
    fit_class_agreement,
    log_odds,
)
from dart_stream.adaptation.coefficients import (
    Coefficients,
    calibrated_coefficients,
    no_coefficients,
)
from dart_stream.costs import Costs
from dart_stream.exit_table import ExitTable
from dart_stream.logistic import logistic
from dart_stream.policies import DartPolicy


def agreement(classes=3, early=2, *, slope=1.0, g=0.0, information=0.0):
    shape = (classes, early)
    return ClassAgreement(
        np.zeros(early), np.full(early, slope), np.full(shape, g), np.full(shape, information)
    )


def taught(overstated, audits=6000, coefficients=None):
    """Coefficients after audits of classes whose confidence overstates by so many logits."""
    rng = np.random.default_rng(0)
    coefficients = coefficients or calibrated_coefficients(agreement(len(overstated)))
    for _ in range(audits):
        y, k = int(rng.integers(0, len(overstated))), int(rng.integers(0, 2))
        odds = rng.normal(2, 1.5)
        agrees = bool(rng.random() < logistic(np.array(odds - overstated[y])))
        coefficients.learn(k, y, float(logistic(np.array(odds))), agrees=agrees)
    return coefficients


def test_classes_that_overstate_end_with_larger_ones():
    easy, middling, hard = np.mean(taught([-0.6, 0.0, 0.6]).pending, axis=1)
    assert hard > middling + 0.3
    assert easy < middling - 0.3


def test_what_all_classes_have_in_common_is_not_put_to_use():
    coefficients = taught([1.5, 1.5, 1.5], audits=3000)
    assert np.min(coefficients.pending) > 0.8
    coefficients.adopt()
    assert np.abs(coefficients.current).max() <= 0.5


def test_one_class_gone_wrong_leaves_the_others_where_they_are():
    coefficients = taught([0.0, 0.0, 3.0, 0.0, 0.0], audits=6000)
    coefficients.adopt()
    g = np.array(coefficients.current)
    assert (g[2] > 1).all()
    assert np.abs(g[[0, 1, 3, 4]]).max() <= 0.3


@pytest.mark.parametrize("overstated", [[30.0, -30.0], [-30.0, 30.0]])
def test_they_never_leave_their_bounds_whatever_they_are_told(overstated):
    g = np.array(taught(overstated, audits=4000).pending)
    assert g.min() >= -1
    assert g.max() <= 3


def test_one_audit_moves_no_class_far():
    coefficients = calibrated_coefficients(agreement())
    coefficients.learn(0, 1, 0.999999, agrees=False)
    assert 0 < coefficients.pending[1][0] <= 0.1
    coefficients.learn(1, 2, 1.0, agrees=False)
    coefficients.learn(1, 2, 0.0, agrees=True)
    assert np.abs(coefficients.pending).max() <= 0.1


def test_what_is_known_well_moves_slower():
    firm = calibrated_coefficients(agreement(information=30.0))
    fresh = calibrated_coefficients(agreement())
    for each in (firm, fresh):
        each.learn(0, 0, 0.9, agrees=False)
    assert 0 < firm.pending[0][0] < fresh.pending[0][0] / 3


def test_they_fade_to_nothing_away_and_to_calibration_at_home():
    coefficients = calibrated_coefficients(agreement(g=0.5))
    assert coefficients.in_use() == ()  # the same for all
    coefficients.pending[0][0] = 1.5
    coefficients.fade(50_000, home=True)
    assert coefficients.pending[0][0] == pytest.approx(0.5 + 1 / np.e)
    coefficients.fade(2_000_000, home=False)
    coefficients.adopt()
    assert coefficients.in_use() == ()


def test_what_is_in_use_changes_only_when_it_is_adopted():
    coefficients = taught([-0.5, 0.8])
    assert coefficients.in_use() == ()
    assert coefficients.distance() > 0.2
    assert coefficients.adopt()
    assert coefficients.distance() <= 0.025 + 1e-9
    assert not coefficients.adopt()
    DartPolicy(thresholds=(0.5, 0.5), coefficients=coefficients.in_use()).require_fit(3, 2)


def test_none_learn_nothing():
    coefficients = no_coefficients(3, 2)
    for _ in range(100):
        coefficients.learn(0, 1, 0.9, agrees=False)
    assert not np.any(coefficients.pending)


def overstating_table(overstated, pictures=6000, *, follows=True):
    """Two exits whose first agrees less often, by so many logits, than it claims."""
    rng = np.random.default_rng(1)
    classes = len(overstated)
    answers = rng.integers(0, classes, pictures)
    odds = rng.normal(2, 1.5, pictures)
    claimed = odds if follows else rng.normal(2, 1.5, pictures)
    agrees = rng.random(pictures) < logistic(odds - np.array(overstated)[answers])
    final = np.where(agrees, answers, (answers + 1) % classes)
    logits = np.zeros((pictures, 2, classes), np.float32)
    # An answer with these odds against all other classes together.
    logits[np.arange(pictures), 0, answers] = claimed + np.log(classes - 1)
    logits[np.arange(pictures), 1, final] = 9
    return ExitTable(
        logits=logits,
        temperatures=(1.0, 1.0),
        labels=final,
        difficulty=np.full(pictures, 0.5, np.float32),
        macs=Costs(stages=[1.0, 1.0], heads=[0.0, 0.0], estimator=0.0),
        classes=tuple("abc"[:classes]),
        source="made up",
    )


def test_calibration_finds_how_far_classes_overstate():
    fitted = fit_class_agreement(overstating_table([-0.5, 0.0, 0.5]), surest=0.8)
    g = fitted.coefficients[:, 0]
    assert g[2] - g[0] == pytest.approx(1.0, abs=0.25)
    assert fitted.slopes[0] == pytest.approx(1, abs=0.1)
    assert (fitted.information > 20).all()


def test_classes_are_left_alone_where_confidence_says_nothing():
    table = overstating_table([-2.0, 0.0, 2.0], follows=False)
    fitted = fit_class_agreement(table, surest=0.8)
    assert not fitted.slopes.any()
    assert not fitted.coefficients.any()


def test_without_sure_answers_nothing_is_known():
    fitted = fit_class_agreement(overstating_table([0.0, 1.0, 0.0]), surest=1.1)
    assert not fitted.coefficients.any()
    assert not calibrated_coefficients(fitted).in_use()


def test_log_odds_of_certainty_are_finite():
    assert log_odds(np.array([0.0, 0.5, 1.0])).tolist() == [-10, 0, 10]


def test_memory_survives_a_journey_through_json():
    before = taught([0.0, 1.0], audits=50)
    assert msgspec.json.decode(msgspec.json.encode(before), type=Coefficients) == before
