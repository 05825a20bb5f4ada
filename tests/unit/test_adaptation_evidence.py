"""The bound: what may be released, and how seldom that is wrong."""

import math

import numpy as np
import pytest

from dart_stream.adaptation.evidence import fresh_evidence, log_capital

EPSILON, DELTA = 0.02, 0.05
SEEDS, AUDITS = 800, 1500


def ever_released(rate):
    """Share of streams of audits in which a rung of that rate is released at some time."""
    rng = np.random.default_rng(int(rate * 1e6))
    losses = (rng.random((AUDITS, SEEDS)) < rate).cumsum(axis=0)
    released = np.zeros(SEEDS, bool)
    for n in range(50, AUDITS, 10):
        released |= log_capital(losses[n - 1], n, EPSILON) >= -math.log(DELTA)
    return released.mean()


def test_a_rung_at_or_above_the_limit_is_hardly_ever_released():
    # Three standard errors above delta.
    tolerance = 3 * math.sqrt(DELTA * (1 - DELTA) / SEEDS)
    at_the_limit = ever_released(EPSILON)
    assert 0.005 < at_the_limit <= DELTA + tolerance
    assert ever_released(1.3 * EPSILON) < at_the_limit


def test_a_safe_rung_is_released():
    assert ever_released(EPSILON / 4) > 0.95


def test_no_loss_at_all_needs_little_more_than_the_least_that_any_test_needs():
    least = math.log(1 / DELTA) / -math.log(1 - EPSILON)
    needed = next(n for n in range(1, 999) if log_capital(np.array([0]), n, EPSILON)[0] >= 3)
    assert least < needed < 1.25 * least


def test_capital_starts_at_1_and_is_fair_at_the_limit():
    assert log_capital(np.array([0]), 0, EPSILON)[0] == pytest.approx(0)
    after_a_loss, after_none = np.exp(log_capital(np.array([1, 0]), 1, EPSILON))
    assert EPSILON * after_a_loss + (1 - EPSILON) * after_none == pytest.approx(1)


def test_a_loss_never_adds_capital():
    capital = log_capital(np.arange(40), 700, EPSILON)
    assert (np.diff(capital) < 0).all()


def test_rungs_are_released_in_their_order_alone():
    evidence = fresh_evidence(3, DELTA)
    evidence.add([0, 30, 0], 300)
    evidence.release(EPSILON)
    assert evidence.released == 1
    evidence.add([0, 0, 0], 3000)
    evidence.release(EPSILON)
    assert evidence.released == 3


def test_what_was_released_stays_so_until_the_reset():
    evidence = fresh_evidence(2, DELTA)
    evidence.add([0, 0], 400)
    evidence.release(EPSILON)
    evidence.add([50, 50], 50)
    evidence.release(EPSILON)
    assert evidence.released == 2
    assert evidence.rates()[0] > EPSILON  # the choice looks at this and holds back


def test_less_chance_needs_more_evidence():
    bold, careful = fresh_evidence(1, 0.05), fresh_evidence(1, 0.0005)
    for evidence in (bold, careful):
        evidence.add([0], 250)
        evidence.release(EPSILON)
    assert (bold.released, careful.released) == (1, 0)
