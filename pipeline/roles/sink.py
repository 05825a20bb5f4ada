"""A sink at work: writes what comes, says what is safe."""

import contextlib
import os
import threading
from pathlib import Path

from pipeline.errors import PeerError, UserError
from pipeline.messages import Closed, CloseSink, Fatal, Hello, Records, SinkAck, Stop
from pipeline.sinks import Sink, build_sink
from pipeline.specs import SinkSpec
from pipeline.transport import Context, Link


def run_sink(spec: SinkSpec, context: Context, stopping: threading.Event) -> None:
    """Write records until the hub closes the sink.

    Args:
        spec: Which sink, and where.
        context: ZeroMQ context to connect with.
        stopping: Set from outside when the hub will not say so itself any more.
    """
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
            _serve(sink, link, stopping)
        except Exception:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                sink.close()
            raise
    finally:
        link.close(hub_listens=not stopping.is_set())


def _serve(sink: Sink, link: Link, stopping: threading.Event) -> None:
    newest = -1
    while not stopping.is_set():
        received = link.receive(200)
        last_seq: int | None = None
        while received is not None:
            message, _ = received
            if isinstance(message, Records):
                if message.first_seq <= newest:
                    # Written once is written for ever; the hub never sends a record twice to us.
                    link.refuse(PeerError(f"records from {message.first_seq} after {newest}"))
                    received = link.receive(0)
                    continue
                sink.write(message.records)
                last_seq = newest = message.first_seq + len(message.records) - 1
                if sink.draws:
                    break
            elif isinstance(message, CloseSink):
                sink.close()
                link.send(Closed(message.seq, sink.lost))
                return
            elif isinstance(message, Stop):
                sink.close()
                return
            received = link.receive(0)
        if last_seq is not None:
            link.send(SinkAck(last_seq, sink.flush(), sink.lost))
    sink.close()
