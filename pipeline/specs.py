"""What a child is told at birth: one JSON line on its standard input (threads mode: the object)."""

import os
from typing import Literal

import msgspec

from dart_stream.model_info import Pixels
from pipeline.config import ModelConfig, SinkConfig, SourceConfig
from pipeline.messages import Counters, LinkAccount
from pipeline.sinks.base import Network


class Spec(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """What every child needs to find the hub."""

    name: str
    identity: str
    """Role, name and incarnation; never used twice in a run."""
    endpoint: str
    run_folder: str | None
    """Holds the sockets; removed by whoever is last. None on a host that has none."""
    frames_folder: str | None = None
    """Holds rings of whole frames, if a sink needs any; removed like `run_folder`."""
    supervisor_pid: int
    """Process number of the parent; another parent means that it is dead."""
    seed: int = 0

    def has_own_process(self) -> bool:
        """Ask of the role itself: what it sets for its process disturbs nobody else."""
        return self.supervisor_pid != os.getpid()


class ReaderSpec(Spec, frozen=True, kw_only=True):
    """One source to read."""

    source: SourceConfig
    input_size: tuple[Pixels, Pixels]
    """Height and width of a crop."""
    resize: Literal["letterbox", "stretch"]
    decode_threads: int = 1
    credits: int = 1
    """Frames it may have in the pipeline."""
    ring_slots: int = 0
    """Whole frames to keep in shared memory; 0 if no sink asks for them."""
    resume_frame: int | None = None
    """Last frame that was accepted, as the source numbers it, from 0; None starts at the
    beginning."""
    resume_pts_s: float = 0.0
    first_frame: int = 0
    """Number of the first frame that the source has; sessions before it had those below."""
    first_pts_s: float = 0.0
    """Its time."""
    regions_before: int = 0
    """Regions accepted before, so that a scripted shift goes on where it was."""
    counters: Counters = Counters()
    """The account at the resume point."""
    segment: int = 0
    """Number of the first unbroken stretch."""
    resume_mono_ns: int | None = None
    """When the last accepted frame was captured, on the monotonic clock; None if not known."""
    link: LinkAccount = LinkAccount()
    """The account of a live source's connection so far."""


class RemoteReaderSpec(Spec, frozen=True, kw_only=True):
    """One source of a hub on another host, `endpoint`; the hub says how it is to be read."""

    uri: str
    keys: str | None = None
    """Folder of CURVE keys; None where the hub is on this host and has none."""
    decode_threads: int = 1
    owner: str
    """Of the command that starts it."""


class WorkerSpec(Spec, frozen=True, kw_only=True):
    """One worker."""

    model: ModelConfig
    threads: int
    observes: bool = False
    """Say of every region what adaptation needs to know, not its answer alone."""
    has_deadlines: bool = False
    """Measure at the start what stages take, so that deadlines can be kept."""
    max_batch: int = 64
    """Regions that come at once, at most."""


class SinkSpec(Spec, frozen=True, kw_only=True):
    """One sink."""

    sink: SinkConfig
    out: str
    """Output folder of the run."""
    offset: int = 0
    """Up to here everything is known to be whole; look for the last record after it."""
    network: Network
    """What records are about, for sinks that explain them."""


class MonitorSpec(Spec, frozen=True, kw_only=True):
    """The terminal monitor; `endpoint` is the telemetry's."""

    control_endpoint: str
    """Where commands go."""


AnySpec = ReaderSpec | RemoteReaderSpec | WorkerSpec | SinkSpec | MonitorSpec
