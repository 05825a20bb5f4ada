"""What every method in the registry must hold, by being registered."""

import functools

import msgspec
import numpy as np
import pytest
from synthetic_table import costs_of, synthetic_table

from dart_stream.methods import METHODS
from dart_stream.policies import replay

BUDGETS = (0.01, 0.3, 0.5, 0.8, 1.2)
BY_ROW_NUMBER = {"random"}  # decides on the number of a row instead of what stands in it
NEEDS_LABELS = {"oracle"}
NEEDS_THREE_EXITS = {"patience"}
TINY = 1e-9


@functools.cache
def fitted_to(name, exits):
    return METHODS[name].fit(synthetic_table(exits=exits), costs_of(exits), BUDGETS)


@pytest.fixture(params=(2, 5))
def exits(request):
    return request.param


@pytest.fixture(params=sorted(METHODS))
def name(request):
    return request.param


@pytest.fixture
def fitted(name, exits):
    return fitted_to(name, exits)


@pytest.fixture
def validation(exits):
    return synthetic_table(exits=exits)


@pytest.fixture
def unseen(exits):
    return synthetic_table(exits=exits, count=150, seed=1)


def difficulty_for(policy, table):
    return table.alpha if policy.difficulty_mode == "paper" else table.difficulty


def test_how_many_methods_are_held_to_this():
    assert len(METHODS) == 11
    assert all(method.name == name for name, method in METHODS.items())


def test_settings_can_be_told_apart(fitted, name, exits):
    assert fitted or (name in NEEDS_THREE_EXITS and exits == 2)
    assert {one.name for one in fitted} <= {name}
    assert all(one.setting for one in fitted)
    assert len({(one.setting, one.budget) for one in fitted}) == len(fitted)


def test_who_keeps_to_a_budget_keeps_to_every_larger_one(fitted):
    kept = tuple(one.budget for one in fitted if one.budget is not None)
    assert kept == (BUDGETS[len(BUDGETS) - len(kept) :] if kept else ())
    assert 0.01 not in kept


def test_a_budget_is_kept_to_on_the_pictures_it_was_fitted_to(fitted, validation, exits):
    costs = costs_of(exits)
    for one in fitted:
        if one.budget is not None:
            cost = one.decide(validation, costs).cost.mean()
            assert cost <= one.budget * costs.plain() * (1 + TINY)


def test_outcomes_are_whole(fitted, unseen, exits):
    for one in fitted:
        outcome = one.decide(unseen, costs_of(exits))
        for array, kind in (
            (outcome.exits, np.int64),
            (outcome.answers, np.int64),
            (outcome.confidence, np.float32),
            (outcome.cost, np.float64),
        ):
            assert array.shape == (len(unseen),)
            assert array.dtype == kind
        assert 0 <= outcome.exits.min() <= outcome.exits.max() < exits
        assert 0 <= outcome.answers.min() <= outcome.answers.max() < len(unseen.classes)
        assert 0 <= outcome.confidence.min() <= outcome.confidence.max() <= 1


def test_every_row_is_decided_on_its_own(fitted, name, unseen, exits):
    rows = np.arange(40)
    if name not in BY_ROW_NUMBER:
        rows = np.random.default_rng(2).permutation(len(unseen))[:40]
    for one in fitted:
        whole = one.decide(unseen, costs_of(exits))
        some = one.decide(unseen.take(rows), costs_of(exits))
        for field in ("exits", "answers", "confidence", "cost"):
            np.testing.assert_array_equal(getattr(some, field), getattr(whole, field)[rows])


def test_a_picture_pays_for_its_stages_and_at_most_for_all_heads_on_the_way(fitted, unseen, exits):
    costs = costs_of(exits)
    without_heads = np.cumsum(costs.stages)
    for one in fitted:
        outcome = one.decide(unseen, costs)
        paid = outcome.cost - (costs.estimator if one.reads_difficulty else 0)
        assert (paid >= without_heads[outcome.exits]).all()
        assert (paid <= without_heads[outcome.exits] + np.cumsum(costs.heads)[outcome.exits]).all()


def test_what_the_engine_would_run_decides_the_same_at_the_same_cost(fitted, unseen, exits):
    for one in fitted:
        if one.policy is None:
            continue
        costs = costs_of(exits)
        outcome = one.decide(unseen, costs)
        replayed = replay(one.policy, unseen.probabilities, difficulty_for(one.policy, unseen))
        np.testing.assert_array_equal(outcome.exits, replayed)
        np.testing.assert_array_equal(
            outcome.answers, unseen.answers[np.arange(len(unseen)), replayed]
        )
        if not one.reads_difficulty:
            costs = msgspec.structs.replace(costs, estimator=0.0)
        watched = [one.policy.watches(k) for k in range(exits - 1)]
        np.testing.assert_array_equal(outcome.cost, costs.up_to_exit(watched)[replayed])


def test_who_does_not_pay_for_difficulty_does_not_read_it(fitted, unseen, exits):
    blind = synthetic_table(
        exits=exits,
        count=150,
        seed=1,
        difficulty=np.full(150, 0.5, np.float32),
        alpha=np.zeros(150, np.float32),
    )
    for one in fitted:
        if not one.reads_difficulty:
            np.testing.assert_array_equal(
                one.decide(blind, costs_of(exits)).exits, one.decide(unseen, costs_of(exits)).exits
            )


def test_fitting_twice_gives_the_same(fitted, name, validation, unseen, exits):
    again = METHODS[name].fit(validation, costs_of(exits), BUDGETS)
    assert [(one.setting, one.budget) for one in again] == [
        (one.setting, one.budget) for one in fitted
    ]
    for one, other in zip(again, fitted, strict=True):
        np.testing.assert_array_equal(
            one.decide(unseen, costs_of(exits)).exits, other.decide(unseen, costs_of(exits)).exits
        )


def test_a_table_is_only_read(name, exits):
    table = synthetic_table(exits=exits, count=60)
    derived = (table.probabilities, table.confidence, table.answers, table.agrees, table.correct)
    recorded = (table.logits, table.labels, table.difficulty, table.alpha)
    for array in (*recorded, *derived):
        array.setflags(write=False)
    for one in METHODS[name].fit(table, costs_of(exits), BUDGETS):
        one.decide(table, costs_of(exits))


def test_without_labels_the_full_networks_answers_are_what_counts(name):
    table = synthetic_table(labelled=False)
    fitted = METHODS[name].fit(table, costs_of(3), BUDGETS)
    if name not in NEEDS_LABELS:
        labelled = synthetic_table(labels=table.answers[:, -1])
        meant = METHODS[name].fit(labelled, costs_of(3), BUDGETS)
        assert [one.policy for one in fitted] == [one.policy for one in meant]
        for one, other in zip(fitted, meant, strict=True):
            decided = [each.decide(labelled, costs_of(3)).exits for each in (one, other)]
            assert np.array_equal(*decided)
        assert len(fitted[-1].decide(table, costs_of(3)).exits) == len(table)
