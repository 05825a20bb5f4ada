"""The hub by itself: messages and a clock in, actions out."""

import pytest
from hub_rig import Rig

from pipeline.errors import PeerError, StageError
from pipeline.messages import (
    Batch,
    Counters,
    Credit,
    EndConfirmed,
    Fatal,
    PolicyBody,
    ReaderStatus,
    SourceEnded,
    Stop,
)
from pipeline.stages.hub import Alarm, Kill, Note


def test_a_worker_gets_the_policy_before_its_first_batch():
    rig = Rig()
    rig.frame()
    rig.step()
    kinds = [type(action.message) for action in rig.inbox["worker/0#0"]]
    assert kinds == [PolicyBody, Batch]


def test_results_come_out_whole_in_order_and_close_the_run():
    rig = Rig()
    for _ in range(8):
        rig.frame(regions=2)
    rig.end()
    rig.work(rounds=20)
    assert rig.frames_written() == [n for n in range(8) for _ in range(2)]
    assert rig.written["sink/s"][-1]["event"] == "end_of_stream"
    assert rig.hub.is_done
    rig.hub.check_ledger()


def test_two_workers_answer_out_of_order_and_results_stay_in_order():
    rig = Rig(workers=("0", "1"))
    for _ in range(4):
        rig.frame()
    rig.step()
    rig.answer("worker/1#0")
    rig.step()
    assert rig.written == {} or rig.frames_written() == []
    rig.end()
    rig.work(peers=("worker/0#0", "worker/1#0"), rounds=10)
    assert rig.frames_written() == [0, 1, 2, 3]


def test_a_source_has_as_many_credits_as_configured_and_gets_them_back_on_completion():
    rig = Rig(credits=3)
    rig.step()
    assert [a.message.frames for a in rig.heard("reader/a#0", Credit)] == [3]
    for _ in range(3):
        rig.frame()
    rig.step()
    assert rig.heard("reader/a#0", Credit) == []
    rig.work(rounds=5)
    assert sum(a.message.frames for a in rig.heard("reader/a#0", Credit)) == 3


def test_a_batch_takes_from_every_source_in_turn():
    rig = Rig(sources=("a", "b", "c"), max_batch=6, credits=64)
    for _ in range(20):
        rig.frame("a")
    for source in ("b", "c"):
        for _ in range(2):
            rig.frame(source)
    rig.step()
    rig.answer()
    rig.step()
    note = next(action for action in rig.others if isinstance(action, Note))
    assert sorted(source for source, _, _ in note.body["regions"]) == [0, 0, 1, 1, 2, 2]


def test_a_free_worker_never_waits_for_a_fuller_batch():
    rig = Rig()
    rig.frame()
    rig.step()
    assert [a.message.regions for a in rig.heard("worker/0#0", Batch)] == [1]


def test_idle_workers_share_what_is_waiting():
    rig = Rig(workers=("0", "1"))
    for _ in range(8):
        rig.frame()
    rig.step()
    sizes = [sum(a.message.regions for a in rig.heard(f"worker/{n}#0", Batch)) for n in (0, 1)]
    assert sizes == [4, 4]


def test_a_worker_holds_two_batches_at_most():
    rig = Rig(credits=64, max_batch=2)
    for _ in range(20):
        rig.frame()
    rig.step()
    assert len(rig.heard("worker/0#0", Batch)) == 2


def test_regions_of_a_dead_worker_are_answered_by_its_successor():
    rig = Rig()
    for _ in range(4):
        rig.frame()
    rig.step()
    assert rig.hub.child_lost("worker/0#0").by_poison is False
    rig.start("worker", "0", 1)
    rig.end()
    rig.work(peers=("worker/0#1",), rounds=20)
    assert rig.frames_written() == [0, 1, 2, 3]
    rig.hub.check_ledger()


def test_a_suspect_is_retried_alone():
    rig = Rig(max_batch=4)
    for _ in range(4):
        rig.frame()
    rig.step()
    rig.hub.child_lost("worker/0#0")
    rig.start("worker", "0", 1)
    rig.step()
    assert {a.message.regions for a in rig.heard("worker/0#1", Batch)} == {1}


def test_a_region_that_kills_twice_is_dropped_as_poison_and_the_rest_is_kept():
    rig = Rig()
    rig.frame()
    rig.step()
    rig.hub.child_lost("worker/0#0")
    rig.start("worker", "0", 1)
    rig.step()
    loss = rig.hub.child_lost("worker/0#1")
    assert loss.by_poison is True
    rig.start("worker", "0", 2)
    rig.frame()
    rig.end()
    rig.work(peers=("worker/0#2",), rounds=10)
    assert rig.frames_written() == [1]
    ledger = rig.hub.sources["a"].ledger
    assert (ledger.processed, ledger.dropped, ledger.in_flight) == (1, {"poison": 1}, 0)
    rig.hub.check_ledger()
    assert any(isinstance(a, Alarm) and "poison" in a.text for a in rig.others)


def test_regions_that_were_not_begun_are_not_suspects():
    rig = Rig(max_batch=1)
    for _ in range(2):
        rig.frame()
    rig.step()
    for incarnation in (1, 2):
        rig.hub.child_lost(f"worker/0#{incarnation - 1}")
        rig.start("worker", "0", incarnation)
        rig.step()
    rig.end()
    rig.work(peers=("worker/0#2",), rounds=10)
    assert rig.frames_written() == [1]


def test_a_batch_past_its_deadline_gets_its_worker_killed():
    rig = Rig(batch_deadline_ns=5_000_000)
    rig.frame()
    for _ in range(8):
        rig.step()
    kills = [a for a in rig.others if isinstance(a, Kill)]
    assert [k.peer for k in kills] == ["worker/0#0"]


def test_a_frame_without_regions_counts_as_processed_and_keeps_its_place():
    rig = Rig()
    rig.frame(regions=0)
    rig.frame()
    rig.end()
    rig.work(rounds=5)
    assert rig.frames_written() == [1]
    assert rig.hub.sources["a"].ledger.processed == 2


def test_the_ledger_balances_with_frames_the_reader_dropped():
    rig = Rig()
    rig.frame(number=0)
    rig.frame(number=5, dropped={"latest": 4})
    rig.hub.check_ledger()
    with pytest.raises(PeerError, match="account: expected 2 frames that were not dropped, got 6"):
        rig.end(captured=6)  # that nothing was dropped cannot be
    rig.hub.check_ledger()


def test_a_ledger_that_does_not_balance_ends_the_run():
    rig = Rig()
    rig.frame()
    rig.hub.sources["a"].processed += 1
    with pytest.raises(StageError, match=r"ledger of a: captured 1, accounted for 2"):
        rig.hub.check_ledger()


def test_a_status_without_frames_moves_the_account():
    rig = Rig()
    rig.say("reader/a#0", ReaderStatus("a", Counters(3, {"max_age": 3}), "running", 0))
    ledger = rig.hub.sources["a"].ledger
    assert (ledger.captured, ledger.dropped) == (3, {"max_age": 3})
    rig.hub.check_ledger()


@pytest.mark.parametrize(
    ("is_live", "reason", "dropped"),
    [(False, "stopped", 2), (True, "stopped", 7), (False, "complete", 7)],
)
def test_what_a_stopped_file_dropped_behind_its_last_frame_comes_again_and_is_not_counted_twice(
    is_live, reason, dropped
):
    """Whoever goes on with the run reads it from there; a camera shows no picture twice."""
    rig = Rig(is_live=is_live)
    rig.frame(dropped={"latest": 2})
    rig.say("reader/a#0", SourceEnded("a", reason, Counters(8, {"latest": 7}, 5)))
    rig.work()
    ledger = rig.hub.sources["a"].ledger
    assert ledger.dropped == {"latest": dropped}
    assert ledger.skipped == (0 if dropped == 2 else 5)
    rig.hub.check_ledger()


def test_an_end_is_confirmed_also_when_it_is_told_twice():
    rig = Rig()
    rig.end()
    rig.end()
    rig.step()
    assert len(rig.heard("reader/a#0", EndConfirmed)) == 2


def test_stopping_reaches_readers_that_say_hello_later():
    rig = Rig()
    rig.hub.stop()
    rig.hub.child_lost("reader/a#0")
    peer = rig.start("reader", "a", 1)
    rig.step()
    assert len(rig.heard(peer, Stop)) == 1


def test_a_source_that_gives_up_ends_as_failed_and_the_others_go_on():
    rig = Rig(sources=("a", "b"))
    rig.say("reader/a#0", Fatal("a: no such file"))
    rig.frame("b")
    rig.end("b")
    rig.work(rounds=5)
    assert rig.frames_written("b") == [0]
    assert rig.hub.sources["a"].state == "failed"
    assert rig.hub.is_done
    assert rig.hub.fatal == ["a: no such file"]


def test_a_restarted_reader_begins_with_the_account_of_the_last_accepted_frame():
    rig = Rig()
    rig.frame(number=3, dropped={"latest": 3})
    rig.say("reader/a#0", ReaderStatus("a", Counters(9, {"latest": 8}), "running", 0))
    source = rig.hub.sources["a"]
    assert source.counters == Counters(9, {"latest": 8})
    assert source.accepted_counters == Counters(4, {"latest": 3})
