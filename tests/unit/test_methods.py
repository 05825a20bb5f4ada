"""What is particular to each method of early exit."""

import itertools

import numpy as np
import pytest
from synthetic_table import costs_of, synthetic_table

from dart_stream.errors import DataError
from dart_stream.methods import METHODS, FittedPolicy
from dart_stream.methods.dart import DartMethod
from dart_stream.methods.dart_paper import DartPaperMethod
from dart_stream.policies import DartPaperPolicy, DartPolicy, EntropyPolicy, FixedPolicy

COSTS = costs_of(3)
BUDGETS = (0.4, 0.55, 0.7, 0.85)


def accuracy_and_cost(one, table, costs=COSTS):
    outcome = one.decide(table, costs)
    return (outcome.answers == table.labels).mean(), outcome.cost.mean()


def as_policy(policy):
    return FittedPolicy(name="", setting="", policy=policy)


def test_static_costs_the_plain_network_and_answers_as_it_does():
    table = synthetic_table()
    (one,) = METHODS["static"].fit(table, COSTS, BUDGETS)
    outcome = one.decide(table, COSTS)
    assert set(outcome.cost) == {COSTS.plain()}
    np.testing.assert_array_equal(outcome.answers, table.answers[:, -1])


def test_a_single_exit_pays_for_its_own_head_only():
    first, second = METHODS["single"].fit(synthetic_table(), COSTS, BUDGETS)
    table = synthetic_table(seed=1)
    assert set(first.decide(table, COSTS).cost) == {10 + 1}
    assert set(second.decide(table, COSTS).cost) == {10 + 20 + 1.5}
    np.testing.assert_array_equal(second.decide(table, COSTS).answers, table.answers[:, 1])


def test_only_who_reads_difficulty_pays_for_its_estimator():
    paying = {
        name
        for name, method in METHODS.items()
        for one in method.fit(synthetic_table(), COSTS, BUDGETS)
        if one.reads_difficulty
    }
    assert paying == {"dart-paper", "dynamic"}  # noise for difficulty: beta is 0 in `dart`
    table = synthetic_table(count=20)
    thresholds = (1e-6, None)  # everything leaves at once, however hard
    plain = as_policy(FixedPolicy(thresholds=thresholds)).decide(table, COSTS).cost
    for kind in (DartPolicy, DartPaperPolicy):
        blind = as_policy(kind(thresholds=thresholds, beta=0.0))
        np.testing.assert_array_equal(blind.decide(table, COSTS).cost, plain)
        looking = as_policy(kind(thresholds=thresholds, beta=0.01))
        np.testing.assert_allclose(looking.decide(table, COSTS).cost, plain + COSTS.estimator)


@pytest.mark.parametrize(
    ("name", "policy_of"),
    [
        ("shared", lambda t: FixedPolicy(thresholds=(t, t))),
        ("branchynet", lambda t: EntropyPolicy(thresholds=(t, t))),
    ],
)
def test_no_threshold_shared_by_all_exits_beats_the_one_chosen(name, policy_of):
    table = synthetic_table(count=120, seed=4)
    tried = [
        accuracy_and_cost(as_policy(policy_of(t)), table) for t in np.linspace(0, 1, 401).tolist()
    ]
    for one in METHODS[name].fit(table, COSTS, BUDGETS):
        accuracy, _ = accuracy_and_cost(one, table)
        limit = one.budget * COSTS.plain()
        assert accuracy == max([a for a, cost in tried if cost <= limit] + [accuracy])


def test_patience_has_as_many_settings_as_exits_can_agree():
    def settings(exits):
        table = synthetic_table(exits=exits)
        return [one.policy.patience for one in METHODS["patience"].fit(table, costs_of(exits), ())]

    assert settings(2) == []
    assert settings(3) == [1]
    assert settings(5) == [1, 2, 3]


def test_patience_two_leaves_at_the_third_exit_that_agrees():
    answers = np.array([[0, 0, 0, 1, 1], [0, 1, 1, 1, 0], [0, 1, 0, 1, 0]])
    logits = 5 * np.eye(5, dtype=np.float32)[answers]
    table = synthetic_table(count=3, exits=5, logits=logits)
    _, two, _ = METHODS["patience"].fit(table, costs_of(5), ())
    assert two.decide(table, costs_of(5)).exits.tolist() == [2, 3, 4]


def test_the_papers_thresholds_never_leave_where_alpha_is_high():
    """0.75 + 0.3 * 0.85 is above 1: no confidence exceeds it, not even 1."""
    sure = 50 * np.eye(5, dtype=np.float32)[np.zeros((20, 3), np.int64)]
    policy = as_policy(DartPaperPolicy(thresholds=(0.75, 0.75), beta=0.3))
    hard = synthetic_table(count=20, logits=sure, alpha=np.full(20, 0.85, np.float32))
    easy = synthetic_table(count=20, logits=sure, alpha=np.full(20, 0.5, np.float32))
    assert set(policy.decide(hard, COSTS).exits) == {2}
    assert set(policy.decide(easy, COSTS).exits) == {0}


def test_the_papers_candidates_are_quantiles_and_all_vectors_of_them_compete():
    table = synthetic_table(count=150, seed=2)
    candidates = np.quantile(table.confidence[:, :-1].astype(float), np.arange(1, 10) / 10, axis=0)
    tried = {
        pair: accuracy_and_cost(as_policy(DartPaperPolicy(thresholds=pair, beta=0.3)), table)
        for pair in itertools.product(*candidates.T.tolist())
    }
    fitted = METHODS["dart-paper"].fit(table, COSTS, (0.6, 0.8, 1.1))
    assert len(fitted) == 3
    for one in fitted:
        accuracy, cost = tried[one.policy.thresholds]
        within = [a for a, c in tried.values() if c <= one.budget * COSTS.plain() + 1e-9]
        assert accuracy == max(within)
        assert accuracy_and_cost(one, table) == (accuracy, cost)


def test_the_papers_method_wants_its_own_difficulty():
    table = synthetic_table(alpha=None)
    with pytest.raises(DataError, match=r"synthetic: expected alpha.* it has none"):
        METHODS["dart-paper"].fit(table, COSTS, BUDGETS)
    one = METHODS["dart-paper"].fit(synthetic_table(), COSTS, (1.1,))[0]
    with pytest.raises(DataError, match="expected alpha"):
        one.decide(table, COSTS)


def test_the_paper_counts_all_vectors_of_five_early_exits_and_of_no_more():
    assert DartPaperMethod().fit(synthetic_table(exits=6, count=80), costs_of(6), (1.1,))
    with pytest.raises(DataError, match="1 to 5 early exits, got 6"):
        DartPaperMethod().fit(synthetic_table(exits=7, count=80), costs_of(7), (1.1,))


@pytest.mark.parametrize("seed", range(3))
def test_dart_is_at_least_as_accurate_as_any_shared_threshold_on_its_own_table(seed):
    table = synthetic_table(count=130, seed=seed)
    costs = costs_of(3)
    free = type(costs)(stages=costs.stages, heads=costs.heads)  # the budget is the same for both
    dart = DartMethod(levels=len(table)).fit(table, free, BUDGETS)
    shared = {one.budget: one for one in METHODS["shared"].fit(table, free, BUDGETS)}
    assert set(shared) <= {one.budget for one in dart}
    for one in dart:
        if one.budget in shared:
            best, _ = accuracy_and_cost(one, table, free)
            assert best >= accuracy_and_cost(shared[one.budget], table, free)[0]


def test_dart_can_leave_difficulty_out():
    table = synthetic_table(difficulty=np.linspace(0, 1, 240, dtype=np.float32))
    assert {one.policy.beta for one in DartMethod(betas=()).fit(table, COSTS, BUDGETS)} == {0}


def test_dart_without_labels_disagrees_less_where_it_may_cost_more():
    table = synthetic_table(labelled=False)
    fitted = METHODS["dart"].fit(table, COSTS, BUDGETS)
    rows = np.arange(len(table))
    agreement = [table.agrees[rows, one.decide(table, COSTS).exits].mean() for one in fitted]
    assert len(fitted) == len(BUDGETS)
    assert agreement == sorted(agreement)
    assert agreement[-1] > agreement[0]


def test_the_oracle_is_as_accurate_as_any_choice_of_exits_can_be():
    table = synthetic_table(seed=6)
    (oracle,) = METHODS["oracle"].fit(table, COSTS, BUDGETS)
    best, _ = accuracy_and_cost(oracle, table)
    assert best == table.correct.any(axis=1).mean()
    for method in METHODS.values():
        for one in method.fit(table, COSTS, BUDGETS):
            assert accuracy_and_cost(one, table)[0] <= best


def test_the_oracle_goes_to_the_end_where_no_exit_is_right():
    logits = np.eye(5, dtype=np.float32)[np.array([[1, 0, 0], [1, 1, 1]])]
    table = synthetic_table(count=2, logits=logits, labels=np.array([0, 0]))
    (oracle,) = METHODS["oracle"].fit(table, COSTS, ())
    assert oracle.decide(table, COSTS).exits.tolist() == [1, 2]


def test_nobody_can_ask_the_oracle_without_labels():
    table = synthetic_table(labelled=False)
    (oracle,) = METHODS["oracle"].fit(table, COSTS, ())
    with pytest.raises(DataError, match="expected labels"):
        oracle.decide(table, COSTS)


def test_lots_use_up_the_budget_and_know_nothing_of_the_picture():
    table, others = synthetic_table(count=2000), synthetic_table(count=2000, seed=9)
    for one in METHODS["random"].fit(table, COSTS, BUDGETS):
        outcome = one.decide(table, COSTS)
        limit = one.budget * COSTS.plain()
        assert limit * 0.995 < outcome.cost.mean() <= limit
        assert (outcome.exits == 0).mean() == pytest.approx(1 - one.stays, abs=0.04)
        np.testing.assert_array_equal(one.decide(others, COSTS).exits, outcome.exits)
