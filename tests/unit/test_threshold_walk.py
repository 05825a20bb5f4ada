"""Candidates from safe to aggressive, and how far a walk along them goes."""

import dataclasses
import itertools

import numpy as np
import pytest
from synthetic_table import synthetic_table

from dart_stream.costs import Costs
from dart_stream.metrics import clopper_pearson_upper
from dart_stream.thresholds import MaxDisagreement, find_frontier, full_depth
from dart_stream.thresholds.candidates import safe_to_aggressive
from dart_stream.thresholds.choice import choose_policy, decide, earlier_and_later, policy_of
from dart_stream.thresholds.point import score_point
from dart_stream.thresholds.raised import raised
from dart_stream.thresholds.walk import walk


def drifting_table(count, seed, unlike):
    """Footage whose later half has exits that differ more from the last, by a factor."""
    made = synthetic_table(count=count, seed=seed, labelled=False)
    logits = made.logits.copy()
    later = np.arange(count) >= count // 2
    last = logits[:, -1:]
    logits[later] = (last + unlike * (logits - last))[later]
    costs = Costs(stages=[10, 20, 30], heads=[0.1] * 3)
    return synthetic_table(count=count, seed=seed, labelled=False, logits=logits, macs=costs)


def candidates_of(table):
    selection = table.take(earlier_and_later(len(table)).selection)
    frontier = find_frontier(selection, table.macs, "agreement")
    full = full_depth(selection, table.macs)
    return selection, frontier, full, safe_to_aggressive(frontier, full, selection, table.macs)


def released(table, limit):
    halves = earlier_and_later(len(table))
    objective = MaxDisagreement(limit)
    return choose_policy(table, table.macs, objective, halves, worth="agreement", bounded=True)


def _priced(point, cost):
    return dataclasses.replace(point, cost=cost)


def differing(table, point):
    decisions, _ = decide(table, policy_of(point), table.macs)
    return int((decisions.answers != decisions.full).sum())


def test_raised_thresholds_are_as_many_logits_higher_and_a_disabled_exit_stays_off():
    (same, higher) = raised((0.5, None, 0.8), (0.0, 1.0))
    assert same == pytest.approx((0.5, None, 0.8))
    assert higher[1] is None
    odds = [tau / (1 - tau) for tau in (higher[0], higher[2])]
    assert odds == pytest.approx([np.e, 4 * np.e])


@pytest.mark.parametrize("seed", range(4))
def test_candidates_get_cheaper_and_begin_safer_than_the_frontier(seed):
    selection, frontier, full, candidates = candidates_of(drifting_table(400, seed, 1.0))
    of_frontier = [p for p in reversed(frontier) if p.cost < full.cost]
    assert candidates[-len(of_frontier) :] == of_frontier
    safer = candidates[: -len(of_frontier)]
    assert len(safer) >= 3
    for before, after in itertools.pairwise(safer):
        for high, low in zip(before.thresholds, after.thresholds, strict=True):
            assert high is None or low is None or high > low
    assert all(p.cost < full.cost for p in safer)
    assert all(differing(selection, p) == round(400 / 2 * p.disagreement) for p in safer)


def test_a_head_that_does_not_pay_for_itself_is_off_in_front_of_the_frontier():
    """The frontier is walked for heads that cost little, and candidates are priced dear."""
    table = drifting_table(400, 0, 1.0)
    frontier = find_frontier(table, table.macs, "agreement")
    safest = next(p for p in reversed(frontier) if any(p.thresholds))
    (index,) = [k for k, tau in enumerate(safest.thresholds) if tau is not None][:1]
    heads = [0.0, 0.0, 1.0]
    heads[index] = 1000.0
    dear = type(table.macs)(stages=[1.0, 1.0, 1.0], heads=heads)
    point = score_point(table, dear, safest.thresholds, 0.0)
    candidates = safe_to_aggressive([point], _priced(point, 1e6), table, dear)
    assert len(candidates) > 1
    assert {each.thresholds[index] for each in candidates[:-1]} == {None}
    assert candidates[-1] == point


@pytest.mark.parametrize("seed", range(4))
def test_where_the_frontier_is_not_safe_enough_a_raised_policy_is_released(seed):
    table = drifting_table(1200, seed, 1.5)
    _, frontier, full, candidates = candidates_of(table)
    safest = next(p for p in reversed(frontier) if p.cost < full.cost)
    later = table.take(earlier_and_later(len(table)).certification)
    limit = clopper_pearson_upper(differing(later, safest), len(later), 0.95) - 1e-6
    made = released(table, limit)
    assert made.point in candidates[: candidates.index(safest)]
    assert made.point.cost < full.cost
    assert made.certificate.disagreement.upper <= limit


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_released_that_is_cheaper_and_not_certified(seed):
    """What is released passed, and so did all that is safer; else it is full depth."""
    table = drifting_table(600, seed, (0.5, 1.0, 1.5)[seed])
    _, _, full, candidates = candidates_of(table)
    later = table.take(earlier_and_later(len(table)).certification)
    bounds = [clopper_pearson_upper(differing(later, p), len(later), 0.95) for p in candidates]
    for limit in (0.001, 0.012, 0.03, 0.1):
        point = walk(candidates, full, later, limit, 0.95)
        first_failure = next((k for k, bound in enumerate(bounds) if bound > limit), len(bounds))
        assert point == [full, *candidates][first_failure]


def test_an_exit_that_nothing_may_use_leaves_full_depth():
    """No point of the frontier is cheaper than the full network: nothing to raise."""
    table = synthetic_table(count=200, labelled=False)
    dear = type(table.macs)(stages=[1.0, 1.0, 1.0], heads=[90.0, 90.0, 1.0], estimator=0.5)
    frontier = find_frontier(table, dear, "agreement")
    assert safe_to_aggressive(frontier, full_depth(table, dear), table, dear) == []
