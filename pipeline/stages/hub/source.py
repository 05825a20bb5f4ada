"""One source as the hub sees it: its window of frames in order, its credits, its ledger."""

from collections import Counter, deque
from dataclasses import dataclass, field

from pipeline.errors import PeerError
from pipeline.messages import Counters, FrameHeader, Frames, SourceEnded
from pipeline.readers.base import ResumePoint
from pipeline.sinks.base import Record
from pipeline.snapshot import Ledger

DropReason = str
RECENT_EXITS = 200


@dataclass(slots=True, eq=False)
class PendingFrame:
    """A frame that was accepted and is not yet handed on."""

    source: str
    header: FrameHeader
    crops: memoryview
    """Pixels of all its regions, uint8."""
    records: list[Record | None]
    missing: int
    """Regions without an answer."""
    dropped: DropReason | None = None


@dataclass(slots=True, eq=False)
class RegionTask:
    """A region on its way to an answer."""

    frame: PendingFrame
    number: int
    deaths: int = 0
    """Workers that died while they computed it."""

    @property
    def crop(self) -> memoryview:
        """Pixels, uint8."""
        size = len(self.frame.crops) // len(self.frame.records)
        return self.frame.crops[self.number * size : (self.number + 1) * size]


@dataclass(slots=True)
class SourceTrack:
    """State of one source.

    The window holds accepted frames in order; a frame leaves it only when every frame before it is
    done, so results of a source come out in order whatever the workers do. A frame without regions
    and a dropped one pass through it as tombstones.
    """

    name: str
    crop_bytes: int
    credits: int
    """Frames it may have in the pipeline."""
    counters: Counters = field(default_factory=Counters)
    accepted_counters: Counters = field(default_factory=Counters)
    """As of the last accepted frame: where a reader begins that reads again what follows it."""
    last_accepted: ResumePoint | None = None
    resumed_frames: int = 0
    """Of `processed`, those of an earlier session."""
    regions_accepted: int = 0
    segment: int = 0
    """Of the last accepted frame."""
    window: deque[PendingFrame] = field(default_factory=deque)
    waiting: deque[RegionTask] = field(default_factory=deque)
    processed: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)
    credits_due: int = 0
    ended: SourceEnded | None = None
    end_recorded: bool = False
    state: str = "starting"
    reader: str | None = None
    """The incarnation of its reader that has said hello and lives."""
    was_heard: bool = False
    """Some incarnation of its reader has said hello."""
    frame_age_ms: float | None = None
    position_s: float | None = None
    exits: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT_EXITS))
    exit_counts: Counter[int] = field(default_factory=Counter)

    def resume(self, point: ResumePoint | None, *, frames: int, regions: int) -> None:
        """Begin where an earlier session broke off."""
        self.last_accepted = point
        self.regions_accepted = regions
        self.processed = self.resumed_frames = frames
        self.counters = self.accepted_counters = Counters(captured=frames)

    def left_at(self, exit_index: int) -> None:
        """Count the exit of one region."""
        self.exits.append(exit_index)
        self.exit_counts[exit_index] += 1

    def recent_exits(self, num_exits: int) -> list[float]:
        """Share per exit of the last few hundred regions."""
        counts = Counter(self.exits)
        total = max(1, len(self.exits))
        return [counts[k] / total for k in range(num_exits)]

    def accept(self, message: Frames, blob: bytes) -> None:
        """Take frames into the window, all or none.

        Raises:
            PeerError: A frame is out of order or the pixels have the wrong size.
        """
        self._check(message, blob)
        pixels = memoryview(blob)
        begin = 0
        for header in message.frames:
            end = begin + len(header.regions) * self.crop_bytes
            self._enter(header, pixels[begin:end])
            begin = end
        self.counters = self.accepted_counters = message.counters
        self.state = "running"

    def _check(self, message: Frames, blob: bytes) -> None:
        last = -1 if self.last_accepted is None else self.last_accepted.frame
        for header in message.frames:
            if self.ended is not None:
                raise PeerError(f"source {self.name}: frame {header.frame} after the end")
            if header.frame <= last:
                raise PeerError(
                    f"source {self.name}: expected a frame after {last}, got {header.frame}"
                )
            last = header.frame
        count = sum(len(header.regions) for header in message.frames)
        if len(blob) != count * self.crop_bytes:
            raise PeerError(
                f"source {self.name}: frame {last}: expected {count * self.crop_bytes} bytes of "
                f"{count} crops, got {len(blob)}"
            )

    def _enter(self, header: FrameHeader, crops: memoryview) -> None:
        count = len(header.regions)
        frame = PendingFrame(self.name, header, crops, [None] * count, missing=count)
        self.window.append(frame)
        self.waiting.extend(RegionTask(frame, number) for number in range(count))
        self.last_accepted = ResumePoint(header.frame, header.pts_s)
        self.regions_accepted += count
        self.segment = header.segment

    def release(self) -> list[PendingFrame]:
        """Frames that are done and whose turn it is; their credits fall due."""
        done: list[PendingFrame] = []
        while self.window and self.window[0].missing == 0:
            frame = self.window.popleft()
            if frame.dropped is None:
                self.processed += 1
            else:
                self.dropped[frame.dropped] += 1
            done.append(frame)
        self.credits_due += len(done)
        return done

    @property
    def is_finished(self) -> bool:
        """Its end is known and every frame before it is done."""
        return self.ended is not None and not self.window

    @property
    def ledger(self) -> Ledger:
        """Balanced at every moment: the reader's account covers settled frames only."""
        dropped = self.dropped + Counter(self.counters.dropped)
        return Ledger(
            captured=self.counters.captured,
            processed=self.processed,
            dropped=dict(dropped),
            in_flight=len(self.window),
            skipped=self.counters.skipped,
            corrupt=self.counters.corrupt,
        )
