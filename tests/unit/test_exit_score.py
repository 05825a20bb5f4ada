"""Learned exit scores, and whether they beat plain confidence."""

import json

import numpy as np
import pytest

from dart_stream import metrics
from dart_stream.costs import Costs
from dart_stream.errors import DataError, ModelError
from dart_stream.exit_features import exit_features, feature_names, log_odds_of_answers
from dart_stream.exit_score import ExitScores, fit_exit_scores
from dart_stream.exit_score_comparison import _aurocs, compare_exit_scores, cross_fitted_scores
from dart_stream.exit_table import ExitTable
from dart_stream.logistic import drawn_in, fit_logistic, logistic


def made(logits, labels=None, difficulty=None, parts=None, temperatures=None):
    logits = np.asarray(logits, np.float32)
    n, exits, classes = logits.shape
    return ExitTable(
        logits=logits,
        temperatures=temperatures or (1.0,) * exits,
        labels=labels,
        difficulty=np.full(n, 0.5, np.float32) if difficulty is None else difficulty,
        parts=parts,
        macs=Costs(stages=[1.0] * exits, heads=[0.0] * exits),
        classes=tuple(map(str, range(classes))),
        source="test",
    )


def answers_that_are_right_as_often_as_they_say(n, seed, difficulty_tells):
    """Two classes, one early exit; its confidence is exact, unless difficulty knows better."""
    generator = np.random.default_rng(seed)
    difficulty = generator.random(n).astype(np.float32)
    log_odds = generator.uniform(0, 4, n)
    chance = 1 - 0.5 * difficulty if difficulty_tells else logistic(log_odds)
    right = generator.random(n) < chance
    early = np.stack([log_odds, np.zeros(n)], axis=1)
    last = np.where(right[:, None], [5.0, 0.0], [0.0, 5.0])
    parts = generator.random((n, 3)).astype(np.float32)
    labels = np.where(right, 0, 1)
    return made(np.stack([early, last], axis=1), labels, difficulty, parts)


def three_exits(n=300, seed=0, classes=4, **fields):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    signal = 2 * np.eye(classes)[labels][:, None]
    logits = signal + generator.normal(0, 1, (n, 3, classes)) * [[3.0], [1.5], [0.8]]
    return made(logits, labels, **fields)


def test_features_by_hand():
    table = made(
        [[[np.log(6), np.log(3), 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]],
        difficulty=np.array([0.25], np.float32),
        parts=np.array([[0.1, 0.2, 0.3]], np.float32),
    )
    first, second = exit_features(table)[0]
    shares = np.array([6, 3, 1]) / 10
    entropy = -(shares * np.log(shares)).sum() / np.log(3)
    expected = [np.log(0.6 / 0.4), 0.3, entropy, 0, 0.25, 0.1, 0.2, 0.3]
    np.testing.assert_allclose(first, expected, atol=1e-6)
    assert second[feature_names(table).index("agrees_with_exit_before")] == 0
    assert len(feature_names(table)) == 8


def test_agreement_is_with_the_exit_before_and_none_at_the_first():
    table = three_exits()
    agreement = exit_features(table)[:, :, 3]
    assert not agreement[:, 0].any()
    np.testing.assert_array_equal(agreement[:, 1], table.answers[:, 1] == table.answers[:, 0])


def test_temperatures_count():
    table = three_exits(temperatures=(2.0, 0.5, 1.0))
    confidence = table.confidence[:, :2].astype(np.float64)
    np.testing.assert_allclose(
        log_odds_of_answers(table), np.log(confidence / (1 - confidence)), rtol=1e-3, atol=1e-5
    )


def test_log_odds_tell_apart_confidences_that_single_precision_calls_1():
    table = made([[[20.0, 0.0], [1, 0]], [[30.0, 0.0], [1, 0]], [[9e3, 0.0], [1, 0]]])
    assert table.confidence[:, 0].tolist() == [1, 1, 1]
    np.testing.assert_allclose(log_odds_of_answers(table)[:, 0], [20, 30, 40])


def test_parts_that_were_not_measured_are_no_features():
    table = three_exits()
    assert len(feature_names(table)) == exit_features(table).shape[2] == 5


def test_the_regression_finds_the_coefficients_that_made_the_data():
    generator = np.random.default_rng(0)
    inputs = np.column_stack([generator.normal(0, 1, (50_000, 2)), np.ones(50_000)])
    truth = np.array([1.5, -0.5, 0.7])
    outcomes = generator.random(50_000) < logistic(inputs @ truth)
    found = fit_logistic(inputs, drawn_in(outcomes), np.zeros(3))
    np.testing.assert_allclose(found, truth, atol=0.05)


def test_the_regression_stops_where_loss_and_penalty_balance():
    generator = np.random.default_rng(1)
    inputs, target = generator.normal(0, 1, (200, 3)), generator.random(200)
    ridge = np.array([0.0, 0.1, 2.0])
    found = fit_logistic(inputs, target, ridge)
    gradient = inputs.T @ (target - logistic(inputs @ found)) / 200 - ridge * found
    np.testing.assert_allclose(gradient, 0, atol=1e-9)


@pytest.mark.parametrize("outcome", [True, False])
def test_an_outcome_that_never_varies_has_a_finite_fit(outcome):
    inputs = np.column_stack([np.random.default_rng(0).random(100), np.ones(100)])
    found = fit_logistic(inputs, drawn_in(np.full(100, outcome)), np.array([1e-3, 0.0]))
    assert np.all(np.abs(found) < 10)


def test_a_score_that_knows_more_earns_its_place():
    table = answers_that_are_right_as_often_as_they_say(2_000, 0, difficulty_tells=True)
    (found,) = compare_exit_scores(table, "correctness", resamples=200)
    assert found.earned
    assert found.gain_ci95.lower > 0.05
    assert found.gain == pytest.approx(found.score_auroc - found.confidence_auroc)
    assert found.gain_ci95.lower < found.gain < found.gain_ci95.upper


def test_a_score_that_knows_no_more_earns_it_no_more_often_than_chance_has_it():
    earned = [
        compare_exit_scores(
            answers_that_are_right_as_often_as_they_say(600, seed, difficulty_tells=False),
            "agreement",
            resamples=100,
            seed=seed,
        )[0].earned
        for seed in range(20)
    ]
    assert sum(earned) <= 2


def test_agreement_with_the_full_network_needs_no_labels():
    table = answers_that_are_right_as_often_as_they_say(500, 0, difficulty_tells=True)
    unlabelled = made(table.logits, None, table.difficulty, table.parts)
    assert fit_exit_scores(unlabelled, "agreement").target == "agreement"
    with pytest.raises(DataError, match="expected labels"):
        fit_exit_scores(unlabelled, "correctness")


def test_no_picture_is_scored_by_a_fit_that_saw_it():
    table = three_exits(60)
    fold_of = np.arange(60) % 3
    scores = cross_fitted_scores(table, "agreement", fold_of)
    others = fit_exit_scores(table.take(np.flatnonzero(fold_of != 1)), "agreement")
    rows = np.flatnonzero(fold_of == 1)
    np.testing.assert_array_equal(scores[rows], others.score(table.take(rows)))


def test_an_exit_that_always_agrees_has_no_comparison():
    table = three_exits()
    logits = table.logits.copy()
    logits[:, 1] = logits[:, 2]
    first, second = compare_exit_scores(made(logits, table.labels), "agreement", resamples=20)
    assert first is not None
    assert second is None


def test_resampled_aurocs_are_those_of_the_resampled_pictures():
    generator = np.random.default_rng(0)
    score, positive = generator.integers(0, 9, 80) / 3, generator.random(80) < 0.4
    counts = generator.multinomial(80, np.full(80, 1 / 80), size=5)
    expected = [metrics.auroc(np.repeat(score, row), np.repeat(positive, row)) for row in counts]
    np.testing.assert_allclose(_aurocs(score, positive, counts), expected)
    assert np.isnan(_aurocs(score, positive, counts * positive)).all()


def test_comparisons_repeat():
    table = three_exits()
    first, second = (compare_exit_scores(table, "agreement", resamples=30) for _ in range(2))
    assert first == second


def test_scores_survive_json_bit_for_bit():
    table = three_exits()
    scores = fit_exit_scores(table, "correctness")
    read = ExitScores.from_dict(json.loads(json.dumps(scores.to_dict())))
    np.testing.assert_array_equal(read.score(table), scores.score(table))
    assert (read.target, read.features) == (scores.target, scores.features)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "luck"}, "Invalid enum value 'luck'"),
        ({"offsets": [0.0]}, "expected finite coefficients of 1 early exits and 5 features"),
        ({"offsets": [0.0, float("nan")]}, "expected finite coefficients of 2 early exits"),
        ({"coefficients": [[1.0], [1.0, 2.0]]}, "exit scores: "),
        ({"extra": 1}, "unknown field `extra`"),
    ],
)
def test_damaged_scores_are_refused_in_one_line(change, message):
    body = fit_exit_scores(three_exits(), "agreement").to_dict() | change
    with pytest.raises(ModelError, match=message) as refusal:
        ExitScores.from_dict(body)
    assert "\n" not in str(refusal.value)


def test_a_table_with_other_features_or_exits_is_refused():
    scores = fit_exit_scores(three_exits(), "agreement")
    with_parts = three_exits(parts=np.zeros((300, 3), np.float32))
    with pytest.raises(DataError, match="expected 2 early exits and the features log_odds"):
        scores.score(with_parts)
    one_exit = made(three_exits().logits[:, 1:])
    with pytest.raises(DataError, match="got 1 and"):
        scores.score(one_exit)


def test_a_network_without_early_exits_is_refused():
    with pytest.raises(DataError, match="expected an early exit, test has only the last"):
        fit_exit_scores(made(three_exits().logits[:, 2:]), "agreement")


@pytest.mark.parametrize("folds", [1, 301])
def test_folds_must_fit_the_pictures(folds):
    with pytest.raises(DataError, match="expected 2 to 300 folds for as many pictures, got"):
        compare_exit_scores(three_exits(), "agreement", folds=folds)
