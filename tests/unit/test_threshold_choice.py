"""Selection on one half, certificate on the other, and the body of policy.json."""

import json

import numpy as np
import pytest

from dart_stream.costs import Costs
from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable
from dart_stream.metrics import clopper_pearson_upper
from dart_stream.policies import policy_from_dict
from dart_stream.thresholds import CostBudget, MaxDisagreement
from dart_stream.thresholds.choice import (
    choose_policy,
    decide,
    earlier_and_later,
    random_halves,
    thinned,
)
from dart_stream.thresholds.spending import STEPS


def table(count=2000, seed=0, labelled=True):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, count)
    noise = generator.normal(0, 1, (count, 3, 4)) * np.array([1.5, 1, 0.5])[:, None]
    shared = generator.normal(0, 1, (count, 1, 4))
    return ExitTable(
        logits=(3 * np.eye(4)[labels][:, None] + shared + noise).astype(np.float32),
        temperatures=(1.0, 1.0, 1.0),
        labels=labels if labelled else None,
        difficulty=generator.random(count).astype(np.float32),
        macs=Costs(stages=[10, 30, 60], heads=[1, 1, 1], estimator=0.5),
        classes=("a", "b", "c", "d"),
        source="synthetic pictures",
    )


def chosen(made, halves=None, objective=None, worth="agreement", *, bounded=True):
    return choose_policy(
        made,
        made.macs,
        objective or MaxDisagreement(0.05),
        halves or random_halves(len(made), seed=0),
        worth=worth,
        bounded=bounded,
    )


def test_halves_are_disjoint_and_whole():
    for halves in (random_halves(101, seed=3), earlier_and_later(101)):
        assert sorted([*halves.selection, *halves.certification]) == list(range(101))
    assert earlier_and_later(100).selection.max() < earlier_and_later(100).certification.min()
    assert random_halves(100, 1).selection.tolist() != random_halves(100, 2).selection.tolist()


def test_of_later_footage_each_scene_counts_once():
    starts = np.arange(100) % 25 == 0
    halves = earlier_and_later(100, starts)
    assert halves.selection.tolist() == list(range(50))
    assert halves.certification.tolist() == [50, 75]
    starts[50] = False  # the scene began before: its first picture that came later stands for it
    assert earlier_and_later(100, starts).certification.tolist() == [50, 75]


def test_too_few_pictures_are_refused():
    with pytest.raises(DataError, match=r"at least 40 pictures .* got 39"):
        random_halves(39, seed=0)


def test_what_is_certified_was_not_selected_on():
    """Of the second half a budget sees what it costs, never what is answered."""
    made = table()
    halves = random_halves(len(made), seed=0)
    budget = CostBudget(0.6)
    before = chosen(made, halves, budget)
    other = made.logits.copy()
    early = other[halves.certification, :-1]
    other[halves.certification, :-1] = np.roll(early, 1, axis=-1)  # other classes, as confident
    changed = chosen(ExitTable(**(made.__dict__ | {"logits": other})), halves, budget)
    assert changed.point == before.point
    assert changed.certificate != before.certificate


@pytest.mark.parametrize("seed", range(3))
def test_a_limit_on_disagreement_is_a_bound(seed):
    made = chosen(table(count=4000, seed=seed))
    certificate = made.certificate
    assert certificate.n == 2000
    assert certificate.distribution == "synthetic pictures"
    assert certificate.disagreement.estimate < certificate.disagreement.upper <= 0.05
    assert certificate.cost_share < 0.9
    assert certificate.exit_gap.upper == certificate.disagreement.upper


def test_without_a_bound_the_limit_is_kept_where_it_was_chosen():
    made = chosen(table(count=100), bounded=False)
    assert made.point.disagreement <= 0.05
    assert made.point.thresholds != (None, None)
    assert made.certificate.disagreement.upper > 0.05


def test_the_bound_holds_as_often_as_it_says():
    """On fresh pictures of the same kind; the limit is broken in at most 5 % of the choices."""
    broken = 0
    for seed in range(40):
        everything = table(count=2600, seed=seed)
        made = chosen(everything.take(np.arange(600)), objective=MaxDisagreement(0.08))
        fresh = decide(everything.take(np.arange(600, 2600)), made.policy, everything.macs)[0]
        broken += (fresh.answers != fresh.full).mean() > 0.08 + 0.006  # 1 sd of 2,000 fresh ones
    assert broken <= 4


def test_too_few_pictures_for_the_limit_leave_the_full_network():
    made = chosen(table(count=100), objective=MaxDisagreement(0.01))
    assert made.point.thresholds == (None, None)
    assert made.certificate.disagreement.estimate == 0


def test_another_objective_gets_an_interval_of_its_gap():
    gap = chosen(table(), objective=CostBudget(0.6), worth="accuracy").certificate.exit_gap
    assert gap.lower < gap.estimate < gap.upper


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.35, 0.5])
def test_a_budget_is_kept_on_the_pictures_that_certify(seed, share):
    made = chosen(table(count=4000, seed=seed), objective=CostBudget(share), worth="accuracy")
    assert 0.95 * share <= made.certificate.cost_share <= share  # as far as the grid is fine
    assert 1 < made.certificate.candidates <= len(STEPS)


def test_a_budget_is_kept_on_later_footage_that_is_harder():
    made = table(count=4000)
    harder = made.logits.copy()
    harder[2000:] *= 0.8  # less confident
    later = ExitTable(**(made.__dict__ | {"logits": harder}))
    halves, budget = earlier_and_later(len(later)), CostBudget(0.5)
    planned = chosen(later, halves, budget, "accuracy", bounded=False)
    assert planned.certificate.cost_share > 0.5
    assert planned.certificate.candidates == 1
    assert chosen(later, halves, budget, "accuracy").certificate.cost_share <= 0.5


def test_where_no_candidate_is_cheap_enough_the_certificate_says_what_it_costs():
    made = table(count=4000)
    harder = made.logits.copy()
    harder[2000:] *= 0.01  # nobody leaves early
    later = ExitTable(**(made.__dict__ | {"logits": harder}))
    halves = earlier_and_later(len(later))
    certificate = chosen(later, halves, CostBudget(0.5), "accuracy").certificate
    assert certificate.cost_share > 0.9


def test_a_bound_over_candidates_is_wider_than_for_one():
    made = table(count=4000)
    halves, budget = random_halves(len(made), seed=0), CostBudget(0.5)
    certificate = chosen(made, halves, budget, "accuracy").certificate
    differ = round(certificate.disagreement.estimate * certificate.n)
    alone = clopper_pearson_upper(differ, certificate.n, 0.95)
    all_at_once = clopper_pearson_upper(differ, certificate.n, 1 - 0.05 / certificate.candidates)
    assert certificate.confidence == 0.95
    assert certificate.disagreement.upper == all_at_once > alone


def test_footage_without_labels_needs_agreement_only():
    made = table(labelled=False)
    certificate = chosen(made, earlier_and_later(len(made))).certificate
    assert certificate.exit_gap is None


def test_the_body_is_json_and_gives_the_policy_back():
    made = chosen(table(), objective=CostBudget(0.6), worth="accuracy")
    body = json.loads(json.dumps(made.to_dict({"split": "validation"})))
    assert policy_from_dict(body["chosen"], num_exits=3, num_classes=4) == made.policy
    assert 2 <= len(body["frontier"]) <= 64
    assert body["selection"]["split"] == "validation"
    assert body["selection"]["cost_share"] <= 0.6
    assert body["certificate"]["n"] == 1000


def test_a_thinned_frontier_keeps_its_ends():
    points = list(range(1000))
    kept = thinned(points, 10)
    assert len(kept) == 10
    assert (kept[0], kept[-1]) == (0, 999)
