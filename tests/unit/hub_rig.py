"""A hub with stand-ins for all of its children, for tests of the hub."""

import dataclasses
from collections import deque

from pipeline.config import SourceConfig
from pipeline.messages import (
    Batch,
    BatchDone,
    Closed,
    CloseSink,
    Counters,
    FrameHeader,
    Frames,
    Hello,
    Records,
    RegionHeader,
    RegionResult,
    SinkAck,
    SourceEnded,
)
from pipeline.stages.hub import Hub, HubPlan, Send, SourcePlan

CROP = 12
PLAN_FIELDS = {field.name for field in dataclasses.fields(SourcePlan)}


def source_plan(name, **fields):
    """The plan of one source out of what holds for several."""

    def own(value):
        if isinstance(value, dict):
            return value.get(name)
        return name in value if isinstance(value, frozenset) else value

    given = {key: own(value) for key, value in fields.items()}
    return SourcePlan(**({"name": name, "config": SourceConfig(uri=name)} | given))


class Rig:
    """A hub with children that do as they are told."""

    def __init__(
        self,
        sources=("a",),
        workers=("0",),
        sinks=("s",),
        adapter=None,
        **options,
    ):
        """A field of a source's plan is given for all, by name, or as the names it is true of."""
        usual = {
            "labels": ["cat", "dog"],
            "num_exits": 3,
            "full_macs": 100,
            "crop_bytes": CROP,
            "policy_version": 1,
            "policy_body": {"kind": "full"},
        }
        of_source = {key: options.pop(key) for key in PLAN_FIELDS & options.keys()}
        self.hub = Hub(
            HubPlan(
                sources=[source_plan(name, **of_source) for name in sources],
                workers=list(workers),
                sinks=list(sinks),
                **(usual | options),
            ),
            adapter,
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

    def frame(
        self,
        source="a",
        regions=1,
        number=None,
        dropped=None,
        peer=None,
        *,
        segment=0,
        slot=None,
    ):
        number = self.sent_frames[source] if number is None else number
        self.sent_frames[source] = number + 1
        dropped = dropped or {}
        captured = self.accepted(source) + 1 + sum(dropped.values())
        header = FrameHeader(
            frame=number,
            pts_s=number / 25,
            captured_at_ns=1,
            captured_mono_ns=self.now,
            decode_ms=1.0,
            regions=[RegionHeader((0, 0, 4, 4))] * regions,
            segment=segment,
            slot=slot,
        )
        message = Frames(source, [header], Counters(captured, dropped))
        self.say(peer or f"reader/{source}#0", message, bytes([number % 256]) * (CROP * regions))

    def accepted(self, source):
        """Frames of a source that the hub has taken."""
        track = self.hub.sources[source]
        return track.processed + track.dropped.total() + len(track.window)

    def end(self, source="a", captured=None, reason="complete"):
        captured = self.accepted(source) if captured is None else captured
        self.say(f"reader/{source}#0", SourceEnded(source, reason, Counters(captured)))

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
