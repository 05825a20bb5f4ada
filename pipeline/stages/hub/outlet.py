"""All sinks: what finished frames leave behind, in order, and what of it is not yet durable."""

from typing import Any

import msgspec

from pipeline.errors import PeerError
from pipeline.hearsay import hearsay
from pipeline.messages import Closed, Hello, SinkAck
from pipeline.sinks.base import Record
from pipeline.stages.hub.actions import Alarm, Kill, Send
from pipeline.stages.hub.plan import HubPlan
from pipeline.stages.hub.records import end_record, frame_record
from pipeline.stages.hub.sink import SinkTrack
from pipeline.stages.hub.smoothing import Smoother
from pipeline.stages.hub.source import PendingFrame, SourceTrack
from pipeline.stages.hub.sources import Sources


class Outlet:
    """The sinks of a run.

    Args:
        plan: What is run.
        sources: By name; what they release goes to the sinks.
    """

    def __init__(self, plan: HubPlan, sources: Sources) -> None:
        self.tracks = {name: SinkTrack(name, plan.draws.get(name)) for name in plan.sinks}
        self._sources = sources
        self._deadline_ns = plan.batch_deadline_ns
        self._smoother = Smoother(*plan.smooth)

    @property
    def is_full(self) -> bool:
        """So much is not durable that sources must wait."""
        return any(sink.is_full for sink in self.tracks.values())

    @property
    def is_closed(self) -> bool:
        """Every sink has flushed and said so."""
        return all(sink.closed for sink in self.tracks.values())

    def remember_label(self, record: Record) -> None:
        """Take a line of an earlier session into the smoothing of labels."""
        self._smoother.label(record)

    def said_hello(self, name: str, peer: str, message: Hello) -> None:
        """A new incarnation.

        Raises:
            PeerError: What it says it holds cannot be read.
        """
        self.tracks[name].said_hello(peer, _keys(message.about.get("keys", {}), peer))

    def took(self, name: str, message: SinkAck | Closed, now_ns: int) -> list[Alarm]:
        """A sink has made something durable, and may have lost frames that it should have drawn.

        Raises:
            PeerError: It was not sent what it says it holds.
        """
        sink = self.tracks[name]
        sink.require_sent(message)
        if isinstance(message, SinkAck):
            done = sink.acknowledged(message.seq, message.offset)
            sink.heard_ns = now_ns
        else:
            done = sink.acknowledged(message.seq, sink.offset)
            sink.closed = True
        for record in done:
            if "picture" in record:
                reader, slot = record["picture"]
                self._sources[record["source"]].drawn((reader, slot))
        more = sink.has_lost(message.lost)
        trouble = _heard(message.trouble) if isinstance(message, SinkAck) else sink.trouble
        if trouble != sink.trouble:
            sink.trouble = trouble
            return [] if sink.trouble is None else [Alarm(f"sink {name}: {sink.trouble}")]
        if sink.trouble is not None:
            return []  # said once; what it costs is counted
        return [Alarm(f"sink {name}: {more} frames are lost")] if more else []

    def left(self, source: str) -> None:
        """Its labels are no longer smoothed over what another session shows."""
        self._smoother.forget(source)

    def awaits(self, source: str) -> bool:
        """Whether a record of a source is not durable yet."""
        return any(
            record["source"] == source
            for sink in self.tracks.values()
            for _, record in sink.unacked
        )

    def release(self) -> None:
        """Queue what has its turn; close sinks behind the end of the last source.

        Ends of an interrupt come behind all results: whoever goes on with the run cuts them off.
        """
        for source in self._sources.values():
            for frame in source.release():
                self._put_lines(frame)
                self._put_picture(source, frame)
        all_finished = all(source.is_finished for source in self._sources.values())
        for source in self._sources.values():
            if (
                source.is_finished
                and not source.end_recorded
                and (all_finished or not source.is_stopped)
            ):
                source.end_recorded = True
                self._put(end_record(source))
        if self._sources.is_over:
            for sink in self.tracks.values():
                sink.close_wanted = True

    def messages(self, now_ns: int) -> list[Send]:
        """What sinks have not been sent yet."""
        out: list[Send] = []
        for sink in self.tracks.values():
            for message in sink.messages(now_ns):
                assert sink.identity is not None
                out.append(Send(sink.identity, message))
        return out

    def forgive(self, away_ns: int, now_ns: int) -> None:
        """Time in which no answer was taken does not count."""
        for sink in self.tracks.values():
            sink.heard_ns = min(sink.heard_ns + away_ns, now_ns)

    def kills(self, now_ns: int) -> list[Kill]:
        """Sinks that have not answered in time."""
        late = [
            sink
            for sink in self.tracks.values()
            if sink.is_late(now_ns, self._deadline_ns) and sink.identity
        ]
        for sink in late:
            sink.heard_ns = now_ns
        return [Kill(f"{sink.identity}", "records are past their deadline") for sink in late]

    def _put_lines(self, frame: PendingFrame) -> None:
        for record in frame.records:
            if record is not None:
                record["smoothed_label"] = self._smoother.label(record)
                self._put(record)

    def _put_picture(self, source: SourceTrack, frame: PendingFrame) -> None:
        drawing = [sink for sink in self.tracks.values() if sink.draws == source.name]
        for sink in drawing:
            if frame.header.slot is None:
                sink.frames_dropped += 1
            else:
                sink.put(frame_record(frame))
        source.lease(frame, len(drawing))

    def _put(self, record: Record) -> None:
        for sink in self.tracks.values():
            if sink.wants(record):
                sink.put(record)


def _keys(plain: Any, peer: str) -> dict[str, tuple[int, int]]:
    try:
        return msgspec.convert(plain, dict[str, tuple[int, int]])
    except msgspec.ValidationError as error:
        raise PeerError(f"{peer}: keys: expected source: [frame, region]: {error}") from error


def _heard(trouble: str | None) -> str | None:
    return None if trouble is None else hearsay(trouble)
