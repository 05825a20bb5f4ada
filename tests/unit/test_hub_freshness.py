"""A camera's answers are about now, also when they take long."""

from hub_rig import Rig

from pipeline.messages import Batch, BatchDone, Credit, RegionResult
from pipeline.stages.hub.freshness import FRESH_NS, Freshness

MS = 1_000_000


def test_nothing_is_known_at_first_and_little_is_let_in():
    assert Freshness().limit(0, 8) == 2
    assert Freshness().limit(0, 1) == 1


def test_more_may_be_under_way_the_faster_they_are_answered():
    limits = []
    for interval_ms in (1000, 200, 100, 50, 10):
        freshness = Freshness()
        for number in range(20):
            freshness.answered(number * interval_ms * MS)
        limits.append(freshness.limit(20 * interval_ms * MS, 8))
    assert limits == [2, 2, 3, 6, 8]


def test_a_consumer_that_stops_is_given_less_and_less():
    freshness = Freshness()
    for number in range(20):
        freshness.answered(number * 10 * MS)
    assert [freshness.limit(200 * MS + wait * FRESH_NS, 8) for wait in (0, 4, 100)] == [8, 4, 2]


def run(interval_ms, *, fresh, frames=60):
    """A camera that always has a frame, a worker with one answer at a time: ages in ms, window."""
    rig = Rig(is_fresh=frozenset({"a"} if fresh else ()), max_batch=1)
    captured, ages, batches = {}, [], []
    source = rig.hub.sources["a"]
    for _ in range(frames):
        rig.step()
        for _ in range(sum(a.message.frames for a in rig.heard("reader/a#0", Credit))):
            captured[rig.sent_frames["a"]] = rig.now
            rig.frame()
        rig.step()
        window = len(source.window)
        batches += rig.heard("worker/0#0", Batch)
        rig.now += interval_ms * MS
        result = RegionResult(1, 0.9, 1, 0.5, 40)
        rig.say("worker/0#0", BatchDone(batches.pop(0).message.batch, [result], 1.0, 1.0))
        ages.append((rig.now - captured[source.processed]) / MS)
        rig.step()
        rig.write("sink/s#0")
    return ages[frames // 2 :], window


def test_with_a_slow_worker_an_answer_is_two_answers_old_and_not_eight():
    ages, window = run(1000, fresh=True)
    assert max(ages) < 2100
    assert window == 2
    ages, window = run(1000, fresh=False)
    assert min(ages) > 7900
    assert window == 8


def test_a_fast_worker_gets_all_there_is():
    assert run(1, fresh=True)[1] == 8
