"""Deadlines in the hub: budgets that travel, answers that are counted, and who has none."""

import pytest
from hub_rig import Rig

from pipeline.errors import PeerError
from pipeline.messages import Batch, BatchDone, RegionResult

LIMIT_NS = 20_000_000


def rig_with_deadline(sources=("a",), hurried=("a",), **options):
    return Rig(
        sources=sources,
        region_deadline_ns=LIMIT_NS,
        has_deadline=frozenset(hurried),
        **options,
    )


def result(exit_index=0, *, late=False):
    return RegionResult(1, 0.9, exit_index, 0.5, 40, late=late)


def one_batch(rig):
    (sent,) = rig.heard("worker/0#0", Batch)
    return sent.message


def test_a_budget_is_what_is_left_since_the_capture():
    rig = rig_with_deadline()
    rig.frame()
    rig.now += 3_000_000
    rig.step()  # one more
    assert one_batch(rig).budgets_ms == [16.0]


def test_a_budget_may_be_spent_already():
    rig = rig_with_deadline()
    rig.frame()
    rig.now += 2 * LIMIT_NS
    rig.step()
    assert one_batch(rig).budgets_ms == [-21.0]


def test_without_a_deadline_no_budget_travels():
    rig = Rig()
    rig.frame()
    rig.step()
    assert one_batch(rig).budgets_ms == []
    assert rig.hub.deadlines.snap is None


def test_a_source_that_waits_and_one_at_full_depth_have_none():
    rig = rig_with_deadline(("a", "b", "c"), ("a", "c"), always_full=frozenset({"c"}))
    for source in "abc":
        rig.frame(source)
    rig.step()
    assert one_batch(rig).budgets_ms == [19.0, None, None]


def test_only_files_that_wait_send_no_budget_at_all():
    rig = rig_with_deadline(("a",), ())
    rig.frame()
    rig.step()
    assert one_batch(rig).budgets_ms == []


def test_a_worker_gets_one_batch_at_a_time():
    rig = rig_with_deadline(max_batch=1)
    for _ in range(3):
        rig.frame()
    rig.step()
    assert len(rig.heard("worker/0#0", Batch)) == 1


def test_answers_are_counted_against_their_deadline():
    rig = rig_with_deadline()
    for wait_ns, late in ((0, False), (0, True), (LIMIT_NS, True), (LIMIT_NS, False)):
        rig.frame()
        rig.step()
        batch = one_batch(rig)
        rig.now += wait_ns
        rig.say("worker/0#0", BatchDone(batch.batch, [result(late=late)], 1.0, 1.0))
    snap = rig.hub.deadlines.snap
    assert (snap.limit_ms, snap.regions, snap.late, snap.overdue, snap.exempt) == (20, 4, 2, 2, 0)
    assert (snap.late_share, snap.overdue_share) == (0.5, 0.5)
    rig.work()
    assert [record["late"] for record in rig.written["sink/s"]] == [False, True, True, False]


@pytest.mark.parametrize(
    ("hurried", "answer", "match"),
    [
        ((), result(late=True), "late at exit 0, where no deadline"),
        (("a",), result(2, late=True), "late at exit 2, where no deadline"),
    ],
)
def test_an_answer_that_no_deadline_can_have_cut_is_refused(hurried, answer, match):
    rig = rig_with_deadline(hurried=hurried)
    rig.frame()
    rig.step()
    with pytest.raises(PeerError, match=match):
        rig.say("worker/0#0", BatchDone(0, [answer], 1.0, 1.0))
