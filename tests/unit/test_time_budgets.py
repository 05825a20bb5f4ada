"""Budgets of time are kept by whole runs, and timed pictures are of all classes."""

from types import SimpleNamespace

import numpy as np
import pytest
from synthetic_table import synthetic_table

from dart_stream.costs import Costs
from dart_stream.policies import replay
from pipeline.bench import time_budgets
from pipeline.bench.time_budgets import fit_to_time
from pipeline.bench.timed_rows import MOST_TIMED, timed_rows

COSTS = Costs(stages=[1.0, 2.0, 3.0], heads=[0.1, 0.1, 0.1], unit="ms")


def test_pictures_that_lie_class_by_class_are_timed_in_their_proportions():
    classes = np.repeat(np.arange(10), 500)
    rows = timed_rows(5_000)
    assert len(np.unique(rows)) == len(rows) == MOST_TIMED
    assert np.bincount(classes[rows]).min() > 50
    assert rows.tolist() == sorted(rows.tolist()) == timed_rows(5_000).tolist()


def test_of_few_pictures_all_are_timed():
    assert timed_rows(7).tolist() == list(range(7))


@pytest.fixture
def run_times(monkeypatch):
    """Let whole runs take so many times what their parts add up to; the machine has no say."""

    def _set(factor, table):
        def time_policies(_engine, images, policies, _tables, *, batch_size, repeats):
            assert (batch_size, repeats) == (8, 3)
            few = table.take(timed_rows(len(table)))
            assert len(images) == len(few)
            times = [COSTS.plain()]
            for policy in policies[1:]:
                exits = replay(policy, few.probabilities, few.difficulty)
                watched = [policy.watches(k) for k in range(2)]
                times.append(factor * COSTS.up_to_exit(watched)[exits].mean())
            return np.tile(times, (3, 1))

        monkeypatch.setattr(time_budgets, "time_policies", time_policies)

    return _set


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.15])
def test_what_a_whole_run_takes_more_than_its_parts_is_planned_for(run_times, factor):
    table = synthetic_table(count=800)
    run_times(factor, table)
    fitted = fit_to_time(
        ["shared", "dart"],
        (0.75, 0.5),
        subject=SimpleNamespace(engine=None, tables=None),
        table=table,
        images=np.zeros((800, 2, 2, 3), np.uint8),
        costs=COSTS,
        batch=8,
    )
    assert [(each.name, each.budget) for each in fitted] == [
        (name, budget) for name in ("shared", "dart") for budget in (0.75, 0.5)
    ]
    for each in fitted:
        took = factor * each.decide(table, COSTS).cost.mean() / COSTS.plain()
        assert took <= each.budget * (1 + 1e-9)
        assert took > each.budget - 0.06 or each.budget == 0.75


def test_a_budget_that_leaves_nothing_is_kept_as_it_was_planned(run_times):
    table = synthetic_table(count=800)
    run_times(1.5, table)
    fitted = fit_to_time(
        ["shared"],
        (0.19,),
        subject=SimpleNamespace(engine=None, tables=None),
        table=table,
        images=np.zeros((800, 2, 2, 3), np.uint8),
        costs=COSTS,
        batch=8,
    )
    assert [each.budget for each in fitted] == [0.19]
