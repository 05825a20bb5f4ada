"""Stage times: every part is read in every round, shares are paired, intervals cover 95 %."""

import numpy as np
import pytest
import torch

from dart_stream.engine import StageTimes
from dart_stream.engine.stage_times import compare_stage_times
from dart_stream.engine.timing import interleaved_ms, median_interval

CPU = torch.device("cpu")


class Recorder:
    """Stands in for a prepared network and writes down what runs on what."""

    def __init__(self, name, num_exits, calls):
        self.name, self.num_exits, self.device = name, num_exits, CPU
        self._calls = calls

    def input(self, images):
        return (len(images),)

    def run_stages(self, x, start, stop):
        assert stop == start + 1
        self._calls.append((self.name, "stage", start, x))
        return (*x, start)

    def probabilities(self, k, x):
        self._calls.append((self.name, "head", k, x))


def test_each_part_runs_on_what_the_one_before_left():
    calls = []
    compare_stage_times([Recorder("a", 2, calls)], (8, 8), (4,), repeats=1)
    one_round = [
        ("a", "stage", 0, (4,)),
        ("a", "head", 0, (4, 0)),
        ("a", "stage", 1, (4, 0)),
        ("a", "head", 1, (4, 0, 1)),
    ]
    assert calls == one_round * 2  # the first round does not count


def test_rounds_of_several_networks_take_turns():
    calls = []
    networks = [Recorder("a", 2, calls), Recorder("b", 3, calls)]
    a, b = compare_stage_times(networks, (8, 8), (1, 4), repeats=2)
    assert a.stage_readings_ms.shape == a.head_readings_ms.shape == (2, 2, 2)
    assert b.stage_readings_ms.shape == b.head_readings_ms.shape == (2, 2, 3)
    assert "".join(name for name, *_ in calls) == ("aaaa" + "bbbbbb") * 3 * 2


def two_exits():
    """One batch size, three rounds; the machine is twice as slow in the last."""
    slowness = np.array([1.0, 1.0, 2.0])[None, :, None]
    return StageTimes((8,), np.array([1.0, 7.0]) * slowness, np.array([0.5, 1.0]) * slowness)


def test_an_exit_costs_all_stages_and_heads_up_to_it():
    times = two_exits()
    np.testing.assert_allclose(times.exit_readings_ms[0], [[1.5, 9.5], [1.5, 9.5], [3, 19]])
    np.testing.assert_allclose(times.plain_readings_ms[0], [9, 9, 18])  # the first head never ran


def test_shares_are_taken_within_a_round_so_that_a_slow_round_does_not_move_them():
    shares = two_exits().exit_share_readings
    np.testing.assert_allclose(shares[0], [[1.5 / 9, 9.5 / 9]] * 3)


@pytest.mark.parametrize(
    ("n", "rank"),
    [(6, 0), (8, 0), (9, 1), (11, 1), (12, 2), (15, 3), (25, 7), (31, 9)],
)
def test_interval_of_the_median_has_the_tabulated_ranks(n, rank):
    samples = np.random.default_rng(0).permutation(n).astype(float)
    assert median_interval(samples).tolist() == [rank, n - 1 - rank]


def test_interval_of_the_median_covers_it_in_95_of_100_cases():
    samples = np.random.default_rng(0).exponential(size=(15, 20_000))
    low, high = median_interval(samples).T
    covered = ((low <= np.log(2)) & (np.log(2) <= high)).mean()
    assert 0.95 <= covered <= 0.975


def test_interval_of_too_few_samples_is_refused():
    with pytest.raises(ValueError, match="at least 6 samples, got 5"):
        median_interval(np.zeros((5, 2)))


def test_functions_are_called_in_turn_and_the_first_round_does_not_count():
    calls = []
    times = interleaved_ms(
        [lambda: calls.append("a"), lambda: calls.append("b")], repeats=3, device=CPU
    )
    assert calls == ["a", "b"] * 4
    assert times.shape == (3, 2)
    assert (times >= 0).all()
