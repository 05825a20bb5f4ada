"""Which function does which role."""

import threading
from typing import assert_never

from pipeline.specs import (
    AnySpec,
    MonitorSpec,
    ReaderSpec,
    RemoteReaderSpec,
    SinkSpec,
    WorkerSpec,
)
from pipeline.transport import Context


def role_of(spec: AnySpec) -> str:
    """The role's name, as it stands in logs and identities."""
    match spec:
        case ReaderSpec() | RemoteReaderSpec():
            return "reader"
        case WorkerSpec():
            return "worker"
        case SinkSpec():
            return "sink"
        case MonitorSpec():
            return "monitor"
        case _:
            assert_never(spec)


def run_role(spec: AnySpec, context: Context, stopping: threading.Event) -> None:
    """Do what the spec says; imports only what that role needs, so only workers import torch."""
    match spec:
        case ReaderSpec():
            from pipeline.roles.reader import run_reader

            run_reader(spec, context, stopping)
        case RemoteReaderSpec():
            from pipeline.roles.remote_reader import run_remote_reader

            run_remote_reader(spec, context, stopping)
        case WorkerSpec():
            from pipeline.roles.worker import run_worker

            run_worker(spec, context, stopping)
        case SinkSpec():
            from pipeline.roles.sink import run_sink

            run_sink(spec, context, stopping)
        case MonitorSpec():
            from pipeline.roles.monitor import run_monitor

            run_monitor(spec, context, stopping)
        case _:
            assert_never(spec)
