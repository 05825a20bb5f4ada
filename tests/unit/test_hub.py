"""The hub by itself: messages and a clock in, actions out."""

from collections import deque

import msgspec
import pytest

from pipeline.errors import PeerError, StageError
from pipeline.messages import (
    Batch,
    BatchDone,
    Closed,
    CloseSink,
    Counters,
    Credit,
    EndConfirmed,
    Fatal,
    FrameHeader,
    Frames,
    Hello,
    PolicyBody,
    ReaderStatus,
    Records,
    RegionHeader,
    RegionResult,
    SinkAck,
    SourceEnded,
    Stop,
)
from pipeline.readers.base import ResumePoint
from pipeline.results import EndRecord, RegionRecord
from pipeline.stages.hub import Alarm, Hub, HubPlan, Kill, Note, Send

CROP = 12


class Rig:
    """A hub with children that do as they are told."""

    def __init__(self, sources=("a",), workers=("0",), sinks=("s",), **options):
        self.hub = Hub(
            HubPlan(
                sources=list(sources),
                workers=list(workers),
                sinks=list(sinks),
                labels=["cat", "dog"],
                num_exits=3,
                full_macs=100,
                crop_bytes=CROP,
                policy_version=1,
                policy_body={"kind": "full"},
                **options,
            )
        )
        self.now = 0
        self.inbox: dict[str, deque] = {}
        self.others: list = []
        self.sent_frames = dict.fromkeys(sources, 0)
        for role, names in (("reader", sources), ("worker", workers), ("sink", sinks)):
            for name in names:
                self.start(role, name)

    def start(self, role, name, incarnation=0, **about):
        peer = f"{role}/{name}#{incarnation}"
        self.inbox.pop(f"{role}/{name}#{incarnation - 1}", None)
        self.hub.child_started(peer, role, name)
        self.inbox[peer] = deque()
        self.say(peer, Hello(role, name, 1, about=about))
        return peer

    def say(self, peer, message, blob=b""):
        self.hub.receive(peer, message, blob, self.now)

    def step(self):
        self.now += 1_000_000
        for action in self.hub.step(self.now):
            if isinstance(action, Send) and action.peer in self.inbox:
                self.inbox[action.peer].append(action)
            else:
                self.others.append(action)

    def heard(self, peer, kind):
        """Take the messages of a kind out of a child's inbox."""
        box = self.inbox[peer]
        found = [action for action in box if isinstance(action.message, kind)]
        self.inbox[peer] = deque(a for a in box if not isinstance(a.message, kind))
        return found

    def frame(self, source="a", regions=1, number=None, dropped=None, peer=None):
        number = self.sent_frames[source] if number is None else number
        self.sent_frames[source] = number + 1
        dropped = dropped or {}
        captured = number + 1
        header = FrameHeader(
            frame=number,
            pts_s=number / 25,
            captured_at_ns=1,
            captured_mono_ns=self.now,
            decode_ms=1.0,
            regions=[RegionHeader((0, 0, 4, 4))] * regions,
        )
        message = Frames(source, [header], Counters(captured, dropped))
        self.say(peer or f"reader/{source}#0", message, bytes([number % 256]) * (CROP * regions))

    def end(self, source="a", captured=None):
        captured = self.sent_frames[source] if captured is None else captured
        self.say(f"reader/{source}#0", SourceEnded(source, "complete", Counters(captured)))

    def answer(self, peer="worker/0#0", count=1, exit_index=1):
        """The worker answers this many of the batches it holds."""
        for action in self.heard(peer, Batch)[:count]:
            batch = action.message
            result = RegionResult(1, 0.9, exit_index, 0.5, 40)
            self.say(peer, BatchDone(batch.batch, [result] * batch.regions, 1.0, 1.0))

    def work(self, peers=("worker/0#0",), rounds=200):
        """Everybody works until nothing moves."""
        for _ in range(rounds):
            self.step()
            for peer in peers:
                self.answer(peer, count=10)
            for sink in [p for p in self.inbox if p.startswith("sink")]:
                self.write(sink)

    def write(self, sink):
        for action in list(self.inbox[sink]):
            message = action.message
            if isinstance(message, Records):
                self.written.setdefault(sink.split("#")[0], []).extend(message.records)
                self.say(sink, SinkAck(message.first_seq + len(message.records) - 1, 7))
            elif isinstance(message, CloseSink):
                self.say(sink, Closed(message.seq))
        self.inbox[sink].clear()

    @property
    def written(self):
        if not hasattr(self, "_written"):
            self._written = {}
        return self._written

    def frames_written(self, source="a", sink="sink/s"):
        return [
            r["frame"] for r in self.written[sink] if r["source"] == source and "event" not in r
        ]


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


def test_every_line_fits_the_published_schema():
    rig = Rig()
    rig.frame()
    rig.end()
    rig.work(rounds=5)
    first, last = rig.written["sink/s"]
    record = msgspec.convert(first, RegionRecord)
    assert (record.label, record.exit, record.policy_version) == ("dog", 1, 1)
    assert msgspec.convert(last, EndRecord).frames["processed"] == 1


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
    rig.end(captured=6)
    with pytest.raises(StageError, match=r"ledger of a: captured 6, accounted for 2"):
        # The end says that nothing was dropped, which cannot be.
        rig.hub.check_ledger()


def test_a_status_without_frames_moves_the_account():
    rig = Rig()
    rig.say("reader/a#0", ReaderStatus("a", Counters(3, {"max_age": 3}), "running", 0))
    ledger = rig.hub.sources["a"].ledger
    assert (ledger.captured, ledger.dropped) == (3, {"max_age": 3})
    rig.hub.check_ledger()


def test_a_sinks_successor_gets_what_was_not_durable_less_what_it_holds():
    rig = Rig()
    for _ in range(6):
        rig.frame()
    rig.end()
    for _ in range(4):
        rig.step()
        rig.answer(count=10)
    first = rig.heard("sink/s#0", Records)
    assert sum(len(a.message.records) for a in first) == 7
    rig.say("sink/s#0", SinkAck(1, 99))
    rig.hub.child_lost("sink/s#0")
    rig.start("sink", "s", 1, keys={"a": [3, 0]})
    rig.work(rounds=3)
    assert rig.frames_written() == [4, 5]
    assert rig.hub.is_done


def test_resuming_skips_what_the_sink_already_holds():
    rig = Rig()
    rig.hub.child_lost("sink/s#0")
    rig.start("sink", "s", 1, keys={"a": [2, 0]})
    rig.hub.resume_source("a", ResumePoint(1, 0.04), regions=4, frames=2)
    rig.sent_frames["a"] = 2
    rig.frame(regions=2)
    rig.frame(regions=2)
    rig.end(captured=4)
    rig.work(rounds=5)
    keys = [(r["frame"], r["region"]) for r in rig.written["sink/s"] if "event" not in r]
    assert keys == [(2, 1), (3, 0), (3, 1)]
    assert rig.hub.sources["a"].ledger.processed == 4
    rig.hub.check_ledger()


def test_a_source_gets_no_credit_while_a_sink_is_far_behind():
    rig = Rig(credits=8192, max_batch=4096)
    rig.step()
    rig.heard("reader/a#0", Credit)
    for _ in range(4200):
        rig.frame()
    for _ in range(8):
        rig.step()
        rig.answer(count=10)
    assert rig.hub.sinks["s"].is_full
    assert rig.heard("reader/a#0", Credit) == []
    rig.work(rounds=3)
    assert sum(a.message.frames for a in rig.heard("reader/a#0", Credit)) == 4200


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


@pytest.mark.parametrize(
    ("peer", "message", "blob", "match"),
    [
        ("reader/a#0", Frames("a", [FrameHeader(0, 0, 0, 0, 0, [])], Counters(1)), b"x", "got 1"),
        ("reader/a#7", ReaderStatus("a", Counters(), "running", 0), b"", "reader/a#7: unexpected"),
        ("reader/a#0", ReaderStatus("b", Counters(), "running", 0), b"", "unexpected ReaderStatus"),
        ("worker/0#0", BatchDone(5, [], 1, 1), b"", "answers batch 5, not its turn"),
        ("worker/0#0", Hello("sink", "s", 1), b"", "expected worker 0, got sink s"),
        ("worker/0#0", Hello("worker", "0", 1, schema=99), b"", "expected schema 1, got 99"),
        ("sink/s#0", Hello("sink", "s", 1, about={"keys": 3}), b"", "expected source"),
    ],
)
def test_what_does_not_fit_the_state_is_refused(peer, message, blob, match):
    rig = Rig()
    with pytest.raises(PeerError, match=match):
        rig.say(peer, message, blob)


def test_a_frame_out_of_order_is_refused():
    rig = Rig()
    rig.frame(number=3)
    with pytest.raises(PeerError, match="expected a frame after 3, got 3"):
        rig.frame(number=3)


@pytest.mark.parametrize(
    ("result", "match"),
    [
        (RegionResult(2, 0.9, 0, 0.5, 1), "label_id 2 of 2 classes"),
        (RegionResult(0, 0.9, 3, 0.5, 1), "exit 3 of 3"),
    ],
)
def test_an_answer_outside_the_model_is_refused(result, match):
    rig = Rig()
    rig.frame()
    rig.step()
    with pytest.raises(PeerError, match=match):
        rig.say("worker/0#0", BatchDone(0, [result], 1, 1))


def test_too_few_answers_are_refused_and_the_batch_stays_open():
    rig = Rig()
    rig.frame()
    rig.step()
    with pytest.raises(PeerError, match="expected 1 results, got 0"):
        rig.say("worker/0#0", BatchDone(0, [], 1, 1))
    rig.end()
    rig.work(rounds=5)
    assert rig.frames_written() == [0]


def test_a_frozen_sink_is_sent_a_bounded_number_of_messages_and_loses_nothing():
    rig = Rig(credits=8192, max_batch=4096)
    for _ in range(3_000):
        rig.frame()
        rig.step()
        rig.answer(count=10)
    assert len(rig.inbox["sink/s#0"]) <= 32
    rig.end()
    rig.work(rounds=60)
    assert rig.frames_written() == list(range(3_000))
    assert rig.hub.is_done


def test_a_sink_that_answers_nothing_is_killed():
    rig = Rig(batch_deadline_ns=2_000_000_000)
    rig.frame()
    rig.step()
    rig.answer()
    for _ in range(4):
        rig.now += 1_000_000_000
        rig.step()
    assert {a.peer for a in rig.others if isinstance(a, Kill)} == {"sink/s#0"}


def test_a_sink_with_nothing_to_do_is_left_alone():
    rig = Rig(batch_deadline_ns=2_000_000_000)
    for _ in range(9):
        rig.now += 1_000_000_000
        rig.step()
    assert [a for a in rig.others if isinstance(a, Kill)] == []


def test_a_reader_that_breaks_protocol_is_replaced():
    rig = Rig()
    rig.frame(number=0)
    with pytest.raises(PeerError, match="expected a frame after 0, got 0"):
        rig.frame(number=0)
    rig.step()
    assert [a.peer for a in rig.others if isinstance(a, Kill)] == ["reader/a#0"]


def test_a_restarted_reader_begins_with_the_account_of_the_last_accepted_frame():
    rig = Rig()
    rig.frame(number=3, dropped={"latest": 3})
    rig.say("reader/a#0", ReaderStatus("a", Counters(9, {"latest": 8}), "running", 0))
    source = rig.hub.sources["a"]
    assert source.counters == Counters(9, {"latest": 8})
    assert source.accepted_counters == Counters(4, {"latest": 3})
