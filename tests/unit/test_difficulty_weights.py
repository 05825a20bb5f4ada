"""Random search for the weights of a difficulty."""

import numpy as np
import pytest

from dart_stream.difficulty import PAPER_WEIGHTS, search_weights
from dart_stream.errors import DataError


def made(n=4_000, telling=1, seed=0):
    """Parts, and two early exits of which wrong answers depend on one part only."""
    generator = np.random.default_rng(seed)
    parts = generator.random((n, 3)).astype(np.float32) ** 2
    chance = parts[:, telling] if telling is not None else np.full(n, 0.3)
    wrong = generator.random((n, 2)) < chance[:, None] * [1.0, 0.5]
    return parts, wrong


@pytest.mark.parametrize("telling", [0, 1, 2])
def test_the_search_finds_the_part_that_tells(telling):
    parts, wrong = made(telling=telling)
    found = search_weights(parts, parts, wrong, trials=200, seed=1)
    assert found.weights[telling] > 0.8
    assert sum(found.weights) == pytest.approx(1)
    for best, paper in zip(found.auroc, found.paper_auroc, strict=True):
        assert best > paper + 0.02
    assert (found.trials, found.n) == (200, 2_000)


def test_what_is_reported_is_of_pictures_that_did_not_choose():
    parts, wrong = made(n=200, telling=None)
    found = [search_weights(parts, parts, wrong, trials=100, seed=seed) for seed in range(40)]
    gains = [np.mean(each.auroc) - np.mean(each.paper_auroc) for each in found]
    # Where nothing tells, the best of many trials is no better than any on other pictures.
    assert abs(np.mean(gains)) < 0.02


def test_a_search_of_one_trial_is_the_paper_s_weights():
    parts, wrong = made(n=400)
    found = search_weights(parts, parts, wrong, trials=1, seed=0)
    assert found.weights == PAPER_WEIGHTS
    assert found.auroc == found.paper_auroc


def test_the_same_seed_finds_the_same():
    parts, wrong = made(n=400)
    first, second = (search_weights(parts, parts, wrong, trials=30, seed=4) for _ in range(2))
    assert first == second


def test_an_exit_that_never_errs_has_no_auroc_and_does_not_count():
    parts, wrong = made(n=1_000)
    wrong[:, 0] = False
    found = search_weights(parts, parts, wrong, trials=20, seed=0)
    assert found.auroc[0] is None
    assert found.auroc[1] is not None


def test_where_no_exit_errs_there_is_nothing_to_search_for():
    parts, wrong = made(n=50)
    with pytest.raises(DataError, match="expected an early exit that is sometimes right"):
        search_weights(parts, parts, wrong & False, trials=5, seed=0)


@pytest.mark.parametrize(("rows", "trials"), [(50, 0), (49, 5)])
def test_what_does_not_fit_is_refused(rows, trials):
    parts, wrong = made(n=50)
    with pytest.raises(DataError, match=r"for 50 pictures, got \d trials and \[\d+, 2\]"):
        search_weights(parts, parts, wrong[:rows], trials=trials, seed=0)
