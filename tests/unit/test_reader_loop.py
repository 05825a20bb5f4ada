"""A reader at work against a hub of a few lines: what travels together, and how it waits."""

import threading
import time

import pytest

from pipeline.config import CustomRegions, SourceConfig
from pipeline.errors import SourceError
from pipeline.messages import Credit, EndConfirmed, Frames, Hello, SourceEnded
from pipeline.regions import FoundRegion, RegionFinder
from pipeline.roles import reader as role
from pipeline.roles.reader import ReaderLoop, end_confirmed
from pipeline.specs import ReaderSpec
from pipeline.stages.hub import SourcePlan
from pipeline.stages.hub.source import SourceTrack
from pipeline.transport import Link, Router, new_context

SIDE = 32
CROP_BYTES = SIDE * SIDE * 3
CREDITS = 128
GROUP = 64


class Crowd(RegionFinder):
    """As many regions as its options say, for each frame in turn."""

    def __init__(self, counts):
        self.counts = counts

    def find(self, frame):
        count = self.counts[frame.index % len(self.counts)]
        return [FoundRegion((0.0, 0.0, 4.0, 4.0))] * count


def spec(source, **fields):
    about = {"name": "a", "identity": "reader/a#0", "endpoint": "inproc://hub", "run_folder": None}
    about |= {"supervisor_pid": 0, "input_size": (SIDE, SIDE), "resize": "stretch"}
    return ReaderSpec(**about, source=source, **fields)


class SlowHub:
    """Grants one frame, and all the others at once when a group of them waits."""

    def __init__(self):
        plan = SourcePlan(name="a", config=SourceConfig(uri="a"), credits=CREDITS)
        self.track = SourceTrack(plan, CROP_BYTES)
        self.loop = None
        self.granted = 0
        self.sizes = []
        self.ended = None

    def watch(self, descriptor):
        pass

    def send(self, message, blob=b""):
        if isinstance(message, Frames):
            self.track.accept(message, bytes(blob))  # which looks whether all of it is right
            self.sizes.append([len(frame.regions) for frame in message.frames])
        elif isinstance(message, SourceEnded):
            self.track.reported(message.counters)
            self.ended = message

    def receive(self, timeout_ms):
        if self.ended is not None:
            return EndConfirmed(), b""
        waiting = self.loop._buffer.num_waiting
        due = {0: 1, 1: CREDITS - 1 if waiting >= GROUP else 0}.get(self.granted, 0)
        if not due:
            time.sleep(min(timeout_ms, 5) / 1e3)
            return None
        self.granted += due
        return Credit(due, 0), b""


@pytest.mark.parametrize("counts", [[350], [0, 1, 350, 7, 340, 2, 0], [1]])
def test_a_group_of_frames_has_a_megabyte_of_crops_however_many_regions_are_found(counts):
    regions = CustomRegions(cls=f"{__name__}:Crowd", options={"counts": counts})
    frames = GROUP + 1
    source = SourceConfig(uri=f"synthetic://?frames={2 * frames}", stride=2, regions=regions)
    hub = SlowHub()
    hub.loop = ReaderLoop(spec(source, credits=CREDITS), hub, threading.Event())
    hub.loop.run()
    hub.loop.close()
    assert [count for sizes in hub.sizes for count in sizes] == [
        counts[2 * number % len(counts)] for number in range(frames)
    ]
    for sizes in hub.sizes:
        assert len(sizes) == 1 or sum(sizes) * CROP_BYTES <= 1 << 20
    for sizes, after in zip(hub.sizes[1:], hub.sizes[2:], strict=False):  # none was cut too short
        assert (sum(sizes) + after[0]) * CROP_BYTES > 1 << 20
    assert hub.ended.ok
    assert (hub.ended.counters.captured, hub.ended.counters.skipped) == (frames, frames)


# --- waiting for an answer ------------------------------------------------------------------------


@pytest.fixture
def link():
    """A reader's link to a hub that has granted a few frames and says nothing more."""
    context = new_context()
    router = Router(context)
    router.socket.bind("inproc://hub")
    link = Link(context, "inproc://hub", "reader/a#0")
    link.send(Hello("reader", "a", 1))
    router.socket.poll(5_000)
    assert len(list(router.receive())) == 1
    assert router.send("reader/a#0", Credit(8, 0))
    yield link
    link.close(hub_listens=False)
    router.close()
    context.term()


@pytest.fixture
def looks(link, monkeypatch):
    """How often the link was asked since the wait began."""
    monkeypatch.setattr(role, "_CONFIRM_TIMEOUT_S", 0.5)
    times, receive, send = [], link.receive, link.send

    def counted(timeout_ms):
        times.append(timeout_ms)
        return receive(timeout_ms)

    def sent(message, blob=b""):
        if isinstance(message, SourceEnded):
            times.clear()
        send(message, blob)

    monkeypatch.setattr(link, "receive", counted)
    monkeypatch.setattr(link, "send", sent)
    return times


def test_a_reader_whose_source_failed_sleeps_while_it_waits_for_an_answer(link, looks, tmp_path):
    (tmp_path / "0.png").write_bytes(b"no picture")
    loop = ReaderLoop(spec(SourceConfig(uri=f"images://{tmp_path}")), link, threading.Event())
    with pytest.raises(SourceError, match="none of its 1 pictures can be read"):
        loop.run()
    looks.clear()
    assert not end_confirmed(link, threading.Event())  # as one whose hub is on another host does
    loop.close()
    assert len(looks) <= 5


def test_a_decoder_that_woke_the_reader_last_does_not_keep_it_awake(link, looks):
    source = SourceConfig(uri="synthetic://?frames=3")
    loop = ReaderLoop(spec(source, credits=8), link, threading.Event())
    send = link.send

    def woken_again(message, blob=b""):
        if isinstance(message, SourceEnded):
            loop._buffer._wake()
        send(message, blob)

    link.send = woken_again
    loop.run()
    loop.close()
    assert not loop.is_end_confirmed
    assert len(looks) <= 5
