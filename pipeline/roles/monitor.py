"""The terminal monitor at work: draws the newest snapshot, and can die without harm."""

import threading

from pipeline.specs import MonitorSpec
from pipeline.transport import Context, SnapshotFeed
from pipeline.ui.live import LiveScreen


def run_monitor(spec: MonitorSpec, context: Context, stopping: threading.Event) -> None:
    """Draw until the run is done.

    Args:
        spec: Where the telemetry is published.
        context: ZeroMQ context to connect with.
        stopping: Set from outside when the run is over.
    """
    feed = SnapshotFeed(context, spec.endpoint)
    try:
        with LiveScreen() as screen:
            while not stopping.is_set():
                snapshot = feed.newest(timeout_ms=200)
                if snapshot is None:
                    continue
                screen.show(snapshot)
                if snapshot.state == "done":
                    return
    finally:
        feed.close()
