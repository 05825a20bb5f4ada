"""`whatif`: any policy, scored on audits that were made for another."""

import numpy as np
import pytest
from shifting_table import all_exits, decisions, shifting_table

from dart_stream.adaptation import Audit, AuditLog
from dart_stream.errors import PolicyError
from dart_stream.policies import DartPolicy, FullDepthPolicy, PatiencePolicy, policy_from_dict

TABLE = shifting_table(4000, 3)
POLICY = DartPolicy(thresholds=(0.9, 0.7, None), coefficients=((0.2, -0.1, 0.0),) * 10)


def logged(rows, probability=lambda row: 0.03):
    log = AuditLog()
    for row in rows:
        log.add(float(TABLE.difficulty[row]), Audit(probability(row), *all_exits(TABLE, row)))
    return log


def realised(policy, rows):
    exits = np.array(decisions(policy, TABLE)[0])[rows]
    return (TABLE.answers[rows, exits] != TABLE.answers[rows, -1]).mean(), exits


@pytest.mark.parametrize("policy", [POLICY, PatiencePolicy(patience=1), FullDepthPolicy()])
def test_it_decides_as_the_engine_would(policy):
    rows = np.arange(1500)
    told = logged(rows).whatif(policy, 10)
    disagreement, exits = realised(policy, rows)
    assert told.disagreement == pytest.approx(disagreement)
    np.testing.assert_allclose(told.exits, np.bincount(exits, minlength=4) / len(rows))
    assert told.interval.lower <= told.disagreement <= told.interval.upper
    assert told.audits == 1500
    assert told.effective == pytest.approx(1500)


def test_unequal_coins_are_undone_by_their_weights():
    rng = np.random.default_rng(0)
    hard = TABLE.difficulty > 0.5
    q = np.where(hard, 0.9, 0.1)
    rows = np.flatnonzero(rng.random(len(TABLE)) < q)[:1990]
    everything = np.arange(rows[-1] + 1)
    told = logged(rows, lambda row: q[row]).whatif(POLICY, 10)
    truth, exits = realised(POLICY, everything)
    assert told.interval.lower <= truth <= told.interval.upper
    assert told.effective < 0.7 * told.audits
    share_of_last = (exits == 3).mean()
    unweighted = (realised(POLICY, rows)[1] == 3).mean()
    assert abs(told.exits[3] - share_of_last) < abs(unweighted - share_of_last) or (
        abs(told.exits[3] - share_of_last) < 0.01
    )


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(1)
    truth, _ = realised(POLICY, np.arange(len(TABLE)))
    covered = 0
    for _ in range(60):
        told = logged(rng.integers(0, len(TABLE), 200)).whatif(POLICY, 10, 0.9)
        covered += told.interval.lower <= truth <= told.interval.upper
    assert covered >= 48


def test_nothing_is_said_without_audits():
    assert AuditLog().whatif(POLICY, 10) is None


def test_it_keeps_the_last_ones():
    log = logged(np.arange(4000))
    assert log.whatif(POLICY, 10).audits == 2000
    last, _ = realised(POLICY, np.arange(2000, 4000))
    assert log.whatif(POLICY, 10).disagreement == pytest.approx(last)


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "entropy", "thresholds": [0.5, 0.5, 0.5]},
        {"kind": "dart-paper", "thresholds": [0.5, 0.5, 0.5]},
    ],
)
def test_a_policy_that_reads_more_than_audits_keep_is_refused(body):
    policy = policy_from_dict(body, num_exits=4, num_classes=10)
    with pytest.raises(PolicyError, match="whatif: expected a policy that reads confidence"):
        logged([0]).whatif(policy, 10)
