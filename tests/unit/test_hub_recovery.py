"""The hub while several things die one after the other."""

from hub_rig import Rig

from pipeline.messages import Batch, Credit, Records, SinkAck
from pipeline.stages.hub import Send
from pipeline.supervisor.restarts import RestartBudget


def regions_of(rig, peer):
    return [a.message.regions for a in rig.inbox[peer] if isinstance(a.message, Batch)]


def test_a_suspect_that_was_not_begun_again_stays_alone():
    rig = Rig(max_batch=4)
    for _ in range(4):
        rig.frame()
    rig.step()
    rig.hub.child_lost("worker/0#0")  # four suspects
    rig.start("worker", "0", 1)
    rig.step()  # one is computed alone, one waits behind it
    rig.hub.child_lost("worker/0#1")  # the first is poison; the second was never begun
    rig.start("worker", "0", 2)
    rig.step()
    rig.hub.child_lost("worker/0#2")  # it dies of the second alone
    rig.start("worker", "0", 3)
    rig.step()
    assert regions_of(rig, "worker/0#3") == [1, 1]
    rig.end()
    for _ in range(10):
        rig.step()
        rig.answer("worker/0#3", count=10)
        rig.write("sink/s#0")
    assert rig.frames_written() == [2, 3]


def test_a_sink_restarted_after_a_resume_holds_what_it_held_before():
    """Its second incarnation looks only behind the offset that the first had made durable."""
    rig = Rig(sources=("a", "b"))
    rig.hub.child_lost("sink/s#0")
    rig.start("sink", "s", 1, keys={"a": [3, 0], "b": [0, 0]})
    rig.frame("b", number=1)
    rig.step()
    rig.answer()
    rig.step()
    (action,) = rig.heard("sink/s#1", Records)
    rig.say("sink/s#1", SinkAck(action.message.first_seq, 500))
    rig.hub.child_lost("sink/s#1")
    rig.start("sink", "s", 2, keys={"b": [1, 0]})
    rig.frame("a", number=3)  # done again, because its frame might have lacked regions
    rig.frame("a", number=4)
    rig.step()
    rig.answer()
    rig.step()
    records = [r for a in rig.heard("sink/s#2", Records) for r in a.message.records]
    assert [(r["source"], r["frame"]) for r in records] == [("a", 4)]


def test_poison_is_blamed_on_the_worker_once_it_answers_nothing_at_all():
    rig = Rig()
    for _ in range(3):
        rig.frame()
    free = []
    for incarnation in range(4):
        rig.step()
        free.append(rig.hub.child_lost(f"worker/0#{incarnation}").by_poison)
        rig.start("worker", "0", incarnation + 1)
    assert free == [False, True, False, False]
    rig.step()
    assert rig.hub.sources["a"].dropped == {"poison": 3}


def test_a_reader_that_has_not_said_hello_is_sent_nothing():
    rig = Rig()
    rig.frame()
    rig.step()
    rig.hub.child_lost("reader/a#0")
    rig.hub.child_started("reader/a#1", "reader", "a")
    rig.others.clear()
    rig.answer()
    rig.step()
    rig.hub.stop()
    rig.step()
    assert [a for a in rig.others if isinstance(a, Send)] == []


def test_a_restart_that_was_not_the_childs_fault_is_given_back():
    budget = RestartBudget(max_restarts=1, window_s=60)
    assert budget.spend(0.0) == 0.0
    budget.refund()
    assert budget.spend(1.0) == 0.0
    assert budget.spend(2.0) is None
    assert budget.spend(61.5) == 0.0


def test_sources_begin_together_and_later_wait_for_nobody():
    rig = Rig(sources=("a", "b"))
    rig.hub.sources["b"].was_heard = False  # as before its hello
    rig.step()
    assert rig.heard("reader/a#0", Credit) == []
    rig.hub.child_lost("reader/b#0")
    rig.start("reader", "b", 1)
    rig.step()
    assert [a.message.frames for a in rig.heard("reader/a#0", Credit)] == [8]
    rig.hub.child_lost("reader/b#1")
    rig.frame("a")
    rig.step()
    rig.answer()
    rig.step()
    rig.step()
    assert [a.message.frames for a in rig.heard("reader/a#0", Credit)] == [1]
