"""Frames that grow too old in the hub."""

from hub_rig import CROP, Rig

from pipeline.messages import Batch, Counters, FrameHeader, Frames, RegionHeader

SECOND_NS = 1_000_000_000


def rig_of(**options):
    return Rig(**{"max_age_ns": {"a": SECOND_NS}, "max_batch": 2} | options)


def test_what_waits_for_too_long_is_dropped_and_accounted_for():
    rig = rig_of()
    for _ in range(8):
        rig.frame()
    rig.step()  # two batches of two are under way
    rig.now += 2 * SECOND_NS
    rig.step()
    rig.answer(count=10)
    rig.step()
    rig.frame()
    rig.work()
    assert rig.frames_written() == [0, 1, 2, 3, 8]
    ledger = rig.hub.sources["a"].ledger
    assert (ledger.captured, ledger.processed, ledger.in_flight) == (9, 5, 0)
    assert ledger.dropped == {"max_age": 4}
    rig.hub.check_ledger()


def test_a_frame_of_which_a_part_is_under_way_is_finished():
    rig = rig_of()
    rig.frame(regions=6)
    rig.frame(regions=2)
    rig.step()
    assert sum(a.message.regions for a in rig.inbox["worker/0#0"] if _is_batch(a)) == 4
    rig.now += 2 * SECOND_NS
    rig.work()
    assert rig.frames_written() == [0] * 6 + [1] * 2


def test_a_frame_that_fits_into_a_batch_is_not_begun_before_all_of_it_can_go():
    rig = rig_of(max_batch=4)
    for _ in range(4):
        rig.frame(regions=3)
    rig.step()
    sent = [action.message.regions for action in rig.inbox["worker/0#0"] if _is_batch(action)]
    assert sent == [3, 3]
    rig.now += 2 * SECOND_NS
    rig.step()
    rig.work()
    assert rig.frames_written() == [0] * 3 + [1] * 3
    assert rig.hub.sources["a"].ledger.dropped == {"max_age": 2}
    rig.hub.check_ledger()


def test_frames_of_several_sources_that_may_grow_old_take_turns():
    rig = rig_of(sources=("a", "b"), max_age_ns={"a": SECOND_NS, "b": SECOND_NS}, max_batch=7)
    for source in ("a", "a", "b", "b"):
        rig.frame(source, regions=3)
    rig.step()
    rig.answer(count=1)
    rig.step()
    rig.write("sink/s#0")
    assert rig.frames_written("a") == rig.frames_written("b") == [0] * 3


def answering_in(ms):
    """A hub whose worker has just taken so long, time and again."""
    rig = rig_of(credits=64)
    for _ in range(40):
        rig.frame()
        rig.step()
        rig.now += ms * 1_000_000
        rig.answer()
    rig.work()
    return rig


def age_at_which_a_frame_goes(rig):
    """In tenths of a second."""
    for _ in range(4):
        rig.frame()
    rig.step()  # two batches of two are under way
    rig.frame()
    for tenths in range(1, 20):
        rig.now += SECOND_NS // 10
        rig.step()
        if not rig.hub.sources["a"].waiting:
            return tenths
    raise AssertionError("it stays")


def test_time_is_kept_for_the_answer_but_half_of_the_age_at_most():
    assert age_at_which_a_frame_goes(answering_in(1)) == 10
    assert age_at_which_a_frame_goes(answering_in(300)) == 7
    assert age_at_which_a_frame_goes(answering_in(5_000)) == 5


def test_dropped_frames_give_their_credit_back():
    rig = rig_of(credits=4)
    for _ in range(4):
        rig.frame()
    rig.step()
    rig.now += 2 * SECOND_NS
    source = rig.hub.sources["a"]
    rig.step()
    rig.work()
    rig.frame(number=9)
    rig.work()
    assert not source.window


def test_a_frame_of_a_clock_that_is_ahead_counts_from_its_arrival():
    rig = rig_of()
    header = FrameHeader(0, 0.0, 1, rig.now + 3_600 * SECOND_NS, 1.0, [RegionHeader((0, 0, 4, 4))])
    rig.say("reader/a#0", Frames("a", [header], Counters(1)), bytes(CROP))
    assert rig.hub.sources["a"].captured_mono_ns == rig.now
    rig.work(rounds=5)
    (record,) = rig.written["sink/s"]
    assert 0 <= record["latency_ms"]["queue"] <= record["latency_ms"]["total"] < 1_000


def test_without_max_age_nothing_is_dropped():
    rig = Rig(max_batch=2)
    for _ in range(8):
        rig.frame()
    rig.now += 60 * SECOND_NS
    rig.work()
    assert rig.frames_written() == list(range(8))


def _is_batch(action):
    return isinstance(action.message, Batch)
