"""A sink at work: writes what comes, says what is safe."""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline.errors import PeerError, UserError
from pipeline.heap import map_large_blocks
from pipeline.messages import Closed, CloseSink, Fatal, Hello, Records, SinkAck, Stop
from pipeline.sinks import NoRoomError, Sink, build_sink
from pipeline.specs import SinkSpec
from pipeline.transport import Context, Link

_LOOK_AGAIN_S = 1.0
"""Far below the deadline that a sink which does not answer has."""

log = logging.getLogger(__name__)


def run_sink(spec: SinkSpec, context: Context, stopping: threading.Event) -> None:
    """Write records until the hub closes the sink.

    Args:
        spec: Which sink, and where.
        context: ZeroMQ context to connect with.
        stopping: Set from outside when the hub will not say so itself any more.
    """
    if spec.has_own_process():
        map_large_blocks()
    link = Link(context, spec.endpoint, spec.identity)
    try:
        try:
            sink = build_sink(spec.sink, Path(spec.out))
            sink.network = spec.network
            sink.frames_folder = None if spec.frames_folder is None else Path(spec.frames_folder)
            keys = sink.open(spec.offset)
        except (UserError, OSError) as error:
            link.send(Fatal(f"sink {spec.name}: {error}"))
            return
        link.send(Hello("sink", spec.name, os.getpid(), about={"keys": keys}))
        try:
            _serve(sink, link, spec.offset, stopping)
        except Exception:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                sink.close()
            raise
    finally:
        link.close(hub_listens=not stopping.is_set())


def _serve(sink: Sink, link: Link, offset: int, stopping: threading.Event) -> None:
    room = _Room(sink, link, offset, stopping)
    while not stopping.is_set():
        received = link.receive(200)
        last_seq: int | None = None
        while received is not None:
            message, _ = received
            if isinstance(message, Records):
                if not room.write(message):
                    break
                last_seq = room.newest
                if sink.draws:
                    break
            elif isinstance(message, CloseSink):
                if room.wait_for(sink.close):
                    link.send(Closed(message.seq, sink.lost))
                return
            elif isinstance(message, Stop):
                _leave(sink)
                return
            received = link.receive(0)
        if last_seq is not None:
            room.acknowledge(last_seq)
    _leave(sink)


def _leave(sink: Sink) -> None:
    """The run ended while there was no room: what is not written, `--resume` does again."""
    try:
        sink.close()
    except NoRoomError as error:
        log.warning("%s", error)


class _Room:
    """Repeats what found no room, and tells the hub that its sink lives and why it waits.

    Args:
        sink: Raises `NoRoomError`.
        link: To the hub.
        offset: That the sink was opened with.
        stopping: Ends the waiting; what was not written then is not lost, `--resume` does it again.
    """

    def __init__(self, sink: Sink, link: Link, offset: int, stopping: threading.Event) -> None:
        self._sink, self._link, self._stopping = sink, link, stopping
        self._seq, self._offset = -1, offset
        self.newest = -1
        """Number of the last record that the sink has taken."""

    def write(self, records: Records) -> bool:
        """Let the sink write as soon as there is room; False if the run ended before.

        Written once is written for ever: the hub sends no record twice, and nobody else's count.
        """
        if records.first_seq <= self.newest:
            error = PeerError(f"records from {records.first_seq} after {self.newest}")
            self._link.refuse(error)
            return True
        if not self.wait_for(partial(self._sink.write, records.records)):
            return False
        self.newest = records.first_seq + len(records.records) - 1
        return True

    def wait_for(self, step: Callable[[], object]) -> bool:
        """Do a step as soon as there is room; False if the run ended before."""
        is_late = False
        while not self._stopping.is_set():
            try:
                step()
            except NoRoomError as error:
                is_late = True
                trouble = str(error)
                self._link.send(SinkAck(self._seq, self._offset, self._sink.lost, trouble))
                self._stopping.wait(_LOOK_AGAIN_S)
            else:
                if is_late:
                    log.info("there is room again")
                return True
        return False

    def acknowledge(self, seq: int) -> None:
        """Flush and say so, unless the run ends before."""

        def flush() -> None:
            self._offset = self._sink.flush()

        if self.wait_for(flush):
            self._seq = seq
            self._link.send(SinkAck(seq, self._offset, self._sink.lost, self._sink.trouble))
