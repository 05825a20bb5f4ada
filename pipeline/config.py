"""The typed configuration: what a YAML file, the environment and `--set` may say.

Every class derives from `Config`, so unknown keys are refused everywhere. Values are only checked
when they pass through `pipeline.config_file.load_config`; build by hand in tests at your own risk.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

OnFull = Literal["block", "drop_oldest", "drop_newest", "latest"]
Zone = list[float | tuple[float, float]]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
"""A year at most: it is counted in nanoseconds."""
Megabytes = Annotated[float, Meta(ge=0, le=1e9)]
CameraSeconds = Annotated[float, Meta(gt=0, le=86_400)]
"""A day at most: libraries count such times in small units, and overflow."""
MEGABYTE = 1_000_000


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every configuration section."""


class FrameRegions(Config, frozen=True, kw_only=True, tag="frame"):
    """The whole frame is one region."""


class ZoneRegions(Config, frozen=True, kw_only=True, tag="zones"):
    """Named parts of the frame, in relative coordinates (0 to 1 of width and height)."""

    zones: dict[str, Zone]
    """A box [x_min, y_min, x_max, y_max] or a polygon [[x, y], ...]; what lies outside a polygon
    is painted in the mean colour of its inside."""


class CustomRegions(Config, frozen=True, kw_only=True, tag="custom"):
    """Regions from a class of one's own."""

    cls: str = msgspec.field(name="class")
    """Import path `package.module:Class` of a `pipeline.regions.RegionFinder`."""
    options: dict[str, Any] = {}


RegionsConfig = FrameRegions | ZoneRegions | CustomRegions


class ReconnectConfig(Config, frozen=True, kw_only=True):
    """How long to wait before a live source is opened again; it is tried for ever."""

    first: CameraSeconds = 1.0
    """Seconds after a connection that had held; each further try waits twice as long."""
    cap: CameraSeconds = 30.0
    """Seconds, at most."""


class SourceConfig(Config, frozen=True, kw_only=True):
    """One camera or file."""

    uri: str
    """Path or glob, file://, rtsp://, rtsps://, http(s)://, webcam://0, /dev/video0, images://DIR,
    synthetic://, a bare integer for a webcam, or remote:// for a reader on another host."""
    regions: RegionsConfig = FrameRegions()
    loop: bool | Count = False
    """true repeats for ever, a number plays that many times."""
    realtime: bool = False
    """Pace a file by its own timestamps."""
    max_fps: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    """Keep at most this many frames per second of source time; the rest is skipped."""
    stride: Count = 1
    """Keep every n-th frame; the rest is skipped."""
    start: Annotated[float, Meta(ge=0, le=31_536_000)] = 0.0
    """Seconds of source time to pass over at the start."""
    on_full: OnFull | None = None
    """What happens to frames that the pipeline cannot take yet. Default: `block` for files,
    `latest` for live sources."""
    max_age: Seconds | None = None
    """Seconds, from capture to answer. A frame that waits, in the reader or in the hub, is dropped
    once its answer would be older, as far as the time of recent answers tells."""
    live: bool | None = None
    """Whether an http(s):// URL is a camera. Default: unless it ends like a video file."""
    transport: Literal["tcp", "udp"] = "tcp"
    """Of the pictures of rtsp://; rtsps:// always takes tcp."""
    open_timeout: CameraSeconds = 10.0
    """Seconds to connect to a network camera, and as many to learn what it sends."""
    stall_after: CameraSeconds = 10.0
    """Seconds without a picture after which a network camera is opened again."""
    reconnect: ReconnectConfig = ReconnectConfig()
    hwaccel: str = "off"
    """What decodes a network camera: `off` (software), `auto` (hardware if there is any) or a kind
    of device, such as cuda; software where that has none. The log says what is used."""
    perturb: str | None = None
    """A scripted shift, in regions: `clean:4000,gaussian_noise@3:4000`."""
    always_full: bool = False
    """Every region runs to full depth, and adaptation does not look at it."""
    reader: str | None = None
    """Import path `package.module:Class` of a `pipeline.readers.Reader` of one's own."""
    options: dict[str, Any] = {}
    """Handed to a reader of one's own, and to synthetic://."""


class ModelConfig(Config, frozen=True, kw_only=True):
    """Which network runs, and where."""

    name: str = "default"
    """A zoo name or a model directory."""
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: Count | None = None
    """Threads of one worker's arithmetic. Default: cores left over by sources and workers."""


class PolicyConfig(Config, frozen=True, kw_only=True):
    """What decides at every exit."""

    mode: Literal["dart", "fixed", "full", "paper"] = "dart"
    """`dart` and `fixed` take the model's own thresholds unless `thresholds` is given; `full`
    never leaves early; `paper` is Eq. 19 as printed."""
    thresholds: list[Annotated[float, Meta(gt=0, lt=1)] | None] | None = None
    """One per early exit, in (0, 1); null disables that exit."""
    sensitivity: Annotated[float, Meta(ge=0, le=1e6)] | None = None
    """β of the difficulty term; default 0 for `dart`, 0.3 for `paper`."""
    max_disagreement: Annotated[float, Meta(gt=0, lt=1)] = 0.02
    """Share of answers that may differ from the full network's, which adaptation keeps to."""
    always_full: list[str] = []
    """Classes: a region runs to full depth once an exit answers one of them."""


class AdaptationConfig(Config, frozen=True, kw_only=True):
    """How a policy of mode `dart` is kept right while the world changes."""

    enabled: bool = True
    """Only for mode `dart` with the model's own thresholds, and a model with
    `calibration.safetensors`; other runs keep the policy they begin with."""
    audit_rate: Annotated[float, Meta(gt=0, le=1)] = 0.03
    """Share of regions that run to full depth to see whether an early answer would have differed;
    more while something is suspected."""
    state: str | None = None
    """File that carries what was learned from one run to the next. Default: the run's own."""


class SmoothConfig(Config, frozen=True, kw_only=True):
    """What is shown changes once `needed` of the last `of` answers agree, per source and zone."""

    needed: Count = 1
    """More than half of `of`."""
    of: Annotated[int, Meta(ge=1, le=1_000)] = 1
    """Answers that are looked at; 1 of 1 shows each as it comes."""


class LabelsConfig(Config, frozen=True, kw_only=True):
    """From answers to labels. What the network said stays in the results beside them."""

    min_confidence: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """An answer that is less sure has no label (null); `label_id` and `confidence` stay."""
    smooth: SmoothConfig = SmoothConfig()
    """Makes `smoothed_label` out of `label`."""


class JsonlSinkConfig(Config, frozen=True, kw_only=True, tag="jsonl"):
    """`results.jsonl` in the output folder, each region exactly once."""

    file: str = "results.jsonl"
    max_mb: Annotated[float, Meta(ge=1, le=1e9)] | None = None
    """Of all its parts together, about; the oldest is removed. Null is no limit."""


class VideoSinkConfig(Config, frozen=True, kw_only=True, tag="video"):
    """An annotated video of one source: H.264 in fragmented MP4, playable whatever is killed."""

    source: str | None = None
    """Name of the source. May be left out where there is only one."""
    file: str | None = None
    """In the output folder; after a restart `NAME.part2.mp4`. Default: the source's name."""
    quality: Annotated[int, Meta(ge=0, le=51)] = 23
    """Constant rate factor of the encoder: 18 is hardly told from the original, 28 is small."""
    threads: Count = 1
    """Of the encoder."""
    max_mb: Megabytes | None = None
    """Of all its parts together, about; the oldest is removed, 0 is no limit. Default: 10,240 for a
    camera and for what loops for ever, no limit for what ends."""


class CustomSinkConfig(Config, frozen=True, kw_only=True, tag="custom"):
    """A sink of one's own."""

    cls: str = msgspec.field(name="class")
    """Import path `package.module:Class` of a `pipeline.sinks.Sink`."""
    options: dict[str, Any] = {}


SinkConfig = JsonlSinkConfig | VideoSinkConfig | CustomSinkConfig


class MonitorConfig(Config, frozen=True, kw_only=True):
    """What a person sees while it runs."""

    ui: Literal["auto", "live", "lines", "off"] = "auto"
    """`auto` draws on a terminal and writes a line every few seconds elsewhere."""
    line_interval_s: Seconds = 5.0


class RecordingConfig(Config, frozen=True, kw_only=True):
    """How much a run writes about itself; the oldest goes first. Results are not among it."""

    max_mb: Annotated[float, Meta(ge=16, le=1e9)] | None = 1_024
    """Of `telemetry.mpk` and its older segments, about; null is no limit."""
    max_log_mb: Annotated[float, Meta(ge=1, le=1e9)] | None = 32
    """Of `run.log` and `run.log.1`; null is no limit."""

    @property
    def max_bytes(self) -> int | None:
        """Of the recording."""
        return None if self.max_mb is None else int(self.max_mb * MEGABYTE)

    @property
    def log_bytes(self) -> int | None:
        """Of the log."""
        return None if self.max_log_mb is None else int(self.max_log_mb * MEGABYTE)


class RuntimeConfig(Config, frozen=True, kw_only=True):
    """How the graph is run."""

    type: Literal["processes", "threads"] = "processes"
    workers: Count = 1
    max_batch: Annotated[int, Meta(ge=1, le=4096)] = 64
    """Regions in one batch at most."""
    credits: Annotated[int, Meta(ge=1, le=1024)] | None = None
    """Frames one source may have in the pipeline. Default: 8 for cameras and all that plays in real
    time or drops, which keeps frames fresh, and as few as 2 for `latest` while answers come slowly;
    up to 128 for files that wait, which makes larger batches."""
    batch_deadline_s: Seconds = 30.0
    """A batch that takes longer gets its worker killed."""
    region_deadline_ms: Annotated[float, Meta(gt=0, le=1e10)] | None = None
    """From the capture of a frame to the answers of its regions, for sources that cannot wait: what
    would take longer gets the answer of the exit where it stands, and counts as late. Audits and
    full depth on purpose have no deadline."""
    start_timeout_s: Seconds = 120.0
    """A child that has not said hello by then is killed."""
    max_restarts: Annotated[int, Meta(ge=0, le=1_000_000)] = 5
    restart_window_s: Seconds = 60.0
    drain_timeout_s: Seconds = 30.0
    """How long a drain may take before children are ended anyway."""


class ListenConfig(Config, frozen=True, kw_only=True):
    """Where readers on other hosts connect; for sources with the URI remote://."""

    address: str
    """tcp://HOST:PORT; 0.0.0.0 is every address of this host."""
    keys: str | None = None
    """Folder `hub` of what `dart-stream keys` made. Only 127.0.0.1 does without."""
    timeout_s: Annotated[float, Meta(ge=1, le=86_400)] = 10.0
    """A reader or hub that has been silent for so long is taken for gone. On a slow line, longer
    than its largest message takes."""


class PipelineConfig(Config, frozen=True, kw_only=True):
    """A whole run."""

    sources: dict[str, SourceConfig]
    model: ModelConfig = ModelConfig()
    policy: PolicyConfig = PolicyConfig()
    adaptation: AdaptationConfig = AdaptationConfig()
    labels: LabelsConfig = LabelsConfig()
    sinks: list[SinkConfig] = msgspec.field(default_factory=lambda: [JsonlSinkConfig()])
    monitor: MonitorConfig = MonitorConfig()
    recording: RecordingConfig = RecordingConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    listen: ListenConfig | None = None
    seed: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
