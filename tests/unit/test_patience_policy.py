"""Stopping where several exits in a row agree."""

import numpy as np
import pytest

from dart_stream.errors import PolicyError
from dart_stream.policies import PatiencePolicy, policy_from_dict, replay


def exits_of(policy, answers):
    """Exits of one region whose exits give these answers."""
    probabilities = np.eye(4, dtype=np.float32)[np.asarray(answers)][None]
    return int(replay(policy, probabilities, np.zeros(1, np.float32))[0])


@pytest.mark.parametrize(
    ("answers", "stops_at"),
    [
        ([1, 1, 1, 0, 0, 0], 2),  # three that agree: two steps without a change
        ([0, 1, 1, 1, 0, 0], 3),
        ([1, 1, 2, 1, 1, 1], 5),  # a change starts the count anew; the last is full depth
        ([1, 1, 2, 2, 1, 1], 5),
        ([3, 1, 2, 2, 2, 0], 4),
    ],
)
def test_patience_two_waits_for_the_third_equal_answer_in_a_row(answers, stops_at):
    assert exits_of(PatiencePolicy(patience=2), answers) == stops_at


def test_patience_one_stops_at_the_first_exit_that_repeats_the_one_before():
    assert exits_of(PatiencePolicy(patience=1), [0, 1, 1, 2]) == 2
    assert exits_of(PatiencePolicy(patience=1), [1, 1, 0, 2]) == 1


def test_a_model_in_which_nothing_could_leave_is_refused():
    with pytest.raises(PolicyError, match="at least 4 exits for patience 2, got 3"):
        PatiencePolicy(patience=2).require_fit(3, 10)


@pytest.mark.parametrize("patience", [0, -1, 1.5, True, "1", None])
def test_patience_is_a_whole_number_of_steps(patience):
    body = {"kind": "patience", "patience": patience}
    with pytest.raises(PolicyError, match="whole number of at least 1"):
        policy_from_dict(body, num_exits=4, num_classes=10)
