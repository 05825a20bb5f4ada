"""Whether difficulty moves thresholds is decided on pictures that thresholds were not chosen on."""

import msgspec
import numpy as np
import pytest
from synthetic_table import costs_of, synthetic_table

from dart_stream.errors import DataError
from dart_stream.thresholds import Sensitivity, choose_sensitivity

DEAR = costs_of(3)
COSTS = msgspec.structs.replace(DEAR, estimator=0.02)
"""The estimator takes 0.03 % of the network, as it does of the model `default`."""


def table_where_difficulty_matters(count=600, **changes):
    """Early exits are as sure of hard pictures as of easy ones, and wrong about them."""
    generator = np.random.default_rng(3)
    table = synthetic_table(count=count, seed=3)
    difficulty = generator.random(count).astype(np.float32)
    logits = table.logits.copy()
    wrong = generator.random(count) < difficulty
    logits[wrong, :2] = np.roll(logits[wrong, :2], 1, axis=2)
    return synthetic_table(count=count, seed=3, logits=logits, difficulty=difficulty, **changes)


def test_difficulty_that_is_noise_is_left_out_as_often_as_one_standard_error_promises():
    tables = [synthetic_table(count=400, seed=seed) for seed in range(12)]
    kept = [choose_sensitivity(table, COSTS).beta > 0 for table in tables]
    assert sum(kept) <= 3


def test_difficulty_that_tells_where_early_exits_are_wrong_is_used():
    found = choose_sensitivity(table_where_difficulty_matters(), COSTS)
    assert found.beta >= 1
    assert found.gain > 2 * found.standard_error


def test_difficulty_has_to_earn_the_cost_of_its_estimator_too():
    table = table_where_difficulty_matters()
    cheap, dear = (choose_sensitivity(table, costs) for costs in (COSTS, DEAR))
    assert dear.gain < cheap.gain / 1.5
    assert choose_sensitivity(table, msgspec.structs.replace(DEAR, estimator=3.0)).beta == 0


def test_it_is_found_without_labels_too():
    table = table_where_difficulty_matters(labels=None)
    assert choose_sensitivity(table, COSTS, "agreement").beta >= 1


def test_a_gain_within_one_standard_error_is_none():
    assert Sensitivity(candidate=2.0, gain=0.01, standard_error=0.01).beta == 0
    assert Sensitivity(candidate=2.0, gain=0.011, standard_error=0.01).beta == 2


def test_a_sensitivity_of_zero_gains_exactly_nothing():
    none = choose_sensitivity(synthetic_table(), COSTS, betas=(0.0,))
    assert (none.gain, none.standard_error) == (0, 0)


def test_choosing_twice_gives_the_same():
    table = table_where_difficulty_matters(count=200)
    assert choose_sensitivity(table, COSTS) == choose_sensitivity(table, COSTS)


def test_there_is_a_picture_for_every_fold():
    with pytest.raises(DataError, match="at least 5 pictures, one per fold, got 4"):
        choose_sensitivity(synthetic_table(count=4), COSTS)
