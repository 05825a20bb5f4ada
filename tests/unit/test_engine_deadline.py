"""Deadlines in the engine: whoever would miss one answers where it stands; without one, nothing."""

import dataclasses

import numpy as np
import pytest
from test_engine_run import (
    NEVER,
    Scripted,
    halving_policy,
    no_difficulty,
    pictures,
    region_numbers,
    toy_model,
)

from dart_stream.engine import Deadline, Engine, EngineError, LegTimes
from dart_stream.policies import DartPolicy, FixedPolicy, FullDepthPolicy, PatiencePolicy


@pytest.fixture(scope="module")
def engine():
    return Engine(toy_model(), device="cpu", precision="fp32")


class Clock:
    """Stands at 0 and moves on by `step_ms` each time somebody looks."""

    def __init__(self, step_ms=0.0):
        self.now_ms = -step_ms
        self.step_ms = step_ms

    def __call__(self):
        self.now_ms += self.step_ms
        return self.now_ms


def due(*values):
    return np.array(values, dtype=np.float64)


def same(one, other):
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


@pytest.mark.parametrize("audits", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_deadline_that_never_strikes_changes_nothing_bit_for_bit(precision, audits):
    engine = Engine(toy_model(), device="cpu", precision=precision)
    images = pictures(30, seed=4)
    audit = np.arange(30) % 5 == 0 if audits else None
    for policy in (
        halving_policy(engine, images),
        NEVER,
        FullDepthPolicy(),
        FixedPolicy(thresholds=(None, 0.2)),
        PatiencePolicy(patience=1),
        DartPolicy(thresholds=(0.2, None), beta=1.0),
    ):
        without = engine.run(images, no_difficulty(30), policy, audit)
        deadline = Deadline(np.full(30, np.inf), Clock())
        same(without, engine.run(images, no_difficulty(30), policy, audit, deadline))
        assert not without.late.any()


def test_what_is_late_already_gets_the_answer_of_the_first_exit(engine):
    images = pictures(5)
    decisions = engine.run(
        images, no_difficulty(5), FullDepthPolicy(), None, Deadline(np.full(5, -1.0), Clock())
    )
    first = engine.all_exits(images)[:, 0]
    np.testing.assert_array_equal(decisions.exit, 0)
    np.testing.assert_array_equal(decisions.late, np.ones(5, bool))
    np.testing.assert_array_equal(decisions.label_id, first.argmax(axis=1))
    np.testing.assert_array_equal(decisions.confidence, first.max(axis=1))
    # Stage 0 and its head, which the policy does not watch.
    np.testing.assert_array_equal(decisions.cost_macs, 101)


def test_each_region_has_a_deadline_of_its_own(engine):
    # The clock is looked at once behind exit 0 (0 ms) and once behind exit 1 (10 ms).
    deadline = Deadline(due(-1, 5, 20, np.inf), Clock(step_ms=10))
    images = pictures(4)
    policy = Scripted(exits=(2, 2, 2, 1))
    decisions = engine.run(images, region_numbers(4), policy, None, deadline)
    np.testing.assert_array_equal(decisions.exit, [0, 1, 2, 1])
    np.testing.assert_array_equal(decisions.late, [True, True, False, False])
    answers = engine.all_exits(images)[np.arange(4), decisions.exit]
    np.testing.assert_array_equal(decisions.label_id, answers.argmax(axis=1))


def test_who_stops_by_the_policy_is_not_late(engine):
    policy = Scripted(exits=(0, 2))
    deadline = Deadline(due(-1, -1), Clock())
    decisions = engine.run(pictures(2), region_numbers(2), policy, None, deadline)
    np.testing.assert_array_equal(decisions.exit, [0, 0])
    np.testing.assert_array_equal(decisions.late, [False, True])


def test_an_audit_has_no_deadline(engine):
    images = pictures(6, seed=5)
    audit = np.array([True, False] * 3)
    policy = halving_policy(engine, images)
    deadline = Deadline(np.full(6, -1.0), Clock())
    decisions = engine.run(images, no_difficulty(6), policy, audit, deadline)
    plain = engine.run(images, no_difficulty(6), policy, audit)
    np.testing.assert_array_equal(decisions.late[audit], False)
    np.testing.assert_array_equal(decisions.exit[audit], plain.exit[audit])
    np.testing.assert_array_equal(decisions.exit_label_id[audit], plain.exit_label_id[audit])
    np.testing.assert_array_equal(decisions.exit[~audit], 0)


def test_what_the_next_exit_takes_counts(engine):
    times = LegTimes((1, 4), np.array([[0.0, 10.0, 1.0], [0.0, 40.0, 4.0]]))
    assert times.expected_ms(1, 1) == 10
    assert times.expected_ms(1, 2) == 20
    assert times.expected_ms(1, 8) == 80
    deadline = Deadline(due(19.0, 21.0), Clock(), times)
    decisions = engine.run(pictures(2), no_difficulty(2), NEVER, None, deadline)
    np.testing.assert_array_equal(decisions.late, [True, False])
    np.testing.assert_array_equal(decisions.exit, [0, 2])


def test_measured_times_become_legs(engine):
    legs = LegTimes.of(engine.measure_stage_times((1, 4), repeats=3))
    assert legs.batch_sizes == (1, 4)
    assert legs.expected_ms(2, 3) > 0


@pytest.mark.parametrize("seed", range(8))
def test_a_deadline_only_ever_stops_earlier_and_spares_who_has_time(engine, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    images = pictures(n, seed=seed)
    audit = rng.random(n) < 0.2 if seed % 2 else None
    policy = [halving_policy(engine, images), NEVER, FullDepthPolicy()][seed % 3]
    plain = engine.run(images, no_difficulty(n), policy, audit)
    answers = engine.all_exits(images)
    before = np.zeros(n, dtype=np.int64)
    for limit in (-1.0, 5.0, 15.0, np.inf):
        due_ms = np.where(rng.random(n) < 0.5, limit, np.inf)
        deadline = Deadline(due_ms, Clock(step_ms=10))
        cut = engine.run(images, no_difficulty(n), policy, audit, deadline)
        assert (cut.exit <= plain.exit).all()
        assert (cut.exit[cut.late] < plain.exit[cut.late]).all()
        np.testing.assert_array_equal(cut.exit[~cut.late], plain.exit[~cut.late])
        assert not cut.late[~np.isfinite(due_ms)].any()
        if audit is not None:
            assert not (cut.late & audit).any()
        given = answers[np.arange(n), cut.exit]
        np.testing.assert_allclose(cut.confidence, given.max(axis=1), atol=1e-5)
        assert (cut.cost_macs <= np.maximum(plain.cost_macs, 101 + 202)).all()
        whole = engine.run(
            images,
            no_difficulty(n),
            policy,
            audit,
            Deadline(np.full(n, limit), Clock(step_ms=10)),
        )
        assert (whole.exit >= before).all()  # more time, no earlier exit
        before = whole.exit


def test_an_empty_batch_meets_every_deadline(engine):
    deadline = Deadline(np.empty(0), Clock())
    assert len(engine.run(pictures(0), no_difficulty(0), NEVER, None, deadline).late) == 0


def test_as_many_due_times_as_regions(engine):
    with pytest.raises(EngineError, match=r"deadline: expected float64 \(2,\)"):
        engine.run(pictures(2), no_difficulty(2), NEVER, None, Deadline(due(1), Clock()))
