"""The terminal monitor at work: draws snapshots, hands keys on, and can die without harm."""

import sys
import threading

from pipeline.roles.watch import Watch
from pipeline.specs import MonitorSpec
from pipeline.transport import Context, ControlClient, SnapshotFeed
from pipeline.ui.keyboard import keyboard_if_any
from pipeline.ui.live import LiveScreen


def run_monitor(spec: MonitorSpec, context: Context, stopping: threading.Event) -> None:
    """Draw until the run is done.

    Args:
        spec: Where the telemetry is published.
        context: ZeroMQ context to connect with.
        stopping: Set from outside when the run is over.
    """
    feed = SnapshotFeed(context, spec.endpoint)
    client = ControlClient(context, spec.control_endpoint)
    try:
        with LiveScreen() as screen, keyboard_if_any(sys.stdout.fileno()) as keyboard:
            Watch(screen, feed, client, keyboard, attached=False).run(stopping)
    finally:
        feed.close()
        client.close()
