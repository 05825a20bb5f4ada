"""One source as the hub sees it: its window of frames in order, its credits, its ledger."""

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import takewhile

from pipeline.errors import PeerError
from pipeline.messages import Counters, FrameHeader, Frames, LinkAccount, SourceEnded
from pipeline.readers.base import ResumePoint
from pipeline.sinks.base import STOPPED, Record
from pipeline.snapshot import Ledger
from pipeline.stages.hub.freshness import Freshness
from pipeline.stages.hub.plan import Session, SourcePlan

DropReason = str
Lease = tuple[str, int]
"""A picture in shared memory: the reader's incarnation and the slot of its ring."""
RECENT_EXITS = 200
BETWEEN_S = 1.0
"""So much source time lies between two sessions of a name."""


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
    reader: str = ""
    """The incarnation that sent it; its ring holds the picture, if any does."""
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

    plan: SourcePlan
    crop_bytes: int
    session: Session = field(default_factory=Session)
    leaving: str | None = None
    """Why it is read no more, as its end record will say; None of one that stays."""
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
    freshness: Freshness | None = field(init=False)
    """Bounds the frames under way of a source that shows the latest."""
    granted: int = 0
    """Credits that its reader holds."""
    is_live: bool = field(init=False)
    """As planned; a source of another host is taken for a camera, whatever its reader says."""
    link: LinkAccount = field(default_factory=LinkAccount)
    """Of a live source."""
    captured_mono_ns: int | None = None
    """Of the last accepted frame of this session."""
    credits_due: int = 0
    leases: Counter[Lease] = field(default_factory=Counter)
    """Sinks that have not drawn it yet, by picture."""
    filled: set[Lease] = field(default_factory=set)
    """Pictures of frames that were accepted and are not drawn yet."""
    slots_due: int = 0
    """Of the ring of the reader that lives."""
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

    def __post_init__(self) -> None:
        self.freshness = Freshness() if self.plan.is_fresh else None
        self.is_live = self.plan.is_live
        self.segment = self.session.segment

    @property
    def name(self) -> str:
        """Of the source."""
        return self.plan.name

    @property
    def credits(self) -> int:
        """Frames it may have in the pipeline."""
        return self.plan.credits

    @property
    def waits_for_sinks(self) -> bool:
        """A credit comes back only when the picture of its frame is drawn."""
        return self.plan.waits_for_sinks

    def resume(
        self, point: ResumePoint | None, *, frames: int, regions: int, segment: int = 0
    ) -> None:
        """Begin where an earlier session broke off."""
        self.last_accepted = point
        self.segment = segment
        self.regions_accepted = regions
        self.processed = self.resumed_frames = frames
        self.counters = self.accepted_counters = Counters(captured=frames)

    def take_over(self, counters: Counters, link: LinkAccount) -> None:
        """Go on with all that an earlier part of the run said of this session at its end.

        Args:
            counters: They balance with the frames that were resumed with.
            link: Of a live source.
        """
        self.counters = self.accepted_counters = counters
        self.link = link

    def left_at(self, exit_index: int) -> None:
        """Count the exit of one region."""
        self.exits.append(exit_index)
        self.exit_counts[exit_index] += 1

    def recent_exits(self, num_exits: int) -> list[float]:
        """Share per exit of the last few hundred regions."""
        counts = Counter(self.exits)
        total = max(1, len(self.exits))
        return [counts[k] / total for k in range(num_exits)]

    def said_hello(self, reader: str) -> None:
        """A new reader, with an empty ring; what its predecessors sent still counts."""
        self.reader, self.was_heard = reader, True
        undrawn = len(self.leases) if self.waits_for_sinks else 0
        self.credits_due = max(0, self.credits - len(self.window) - undrawn)
        self.granted = 0
        self.slots_due = 0

    def lease(self, frame: PendingFrame, sinks: int) -> None:
        """So many sinks draw this frame; its slot is not filled again before they have."""
        if frame.header.slot is None:
            return
        picture = (frame.reader, frame.header.slot)
        if sinks:
            self.leases[picture] = sinks
        else:
            self._slot_is_free(picture)

    def drawn(self, picture: Lease) -> None:
        """A sink has taken a picture; the last of them gives back slot and credit."""
        if picture not in self.leases:
            return
        self.leases[picture] -= 1
        if self.leases[picture] == 0:
            del self.leases[picture]
            self._slot_is_free(picture)

    def _slot_is_free(self, picture: Lease) -> None:
        self.filled.discard(picture)
        if self.waits_for_sinks:
            self.credits_due += 1
        if picture[0] == self.reader:
            self.slots_due += 1

    def accept(self, message: Frames, blob: bytes, reader: str = "") -> None:
        """Take frames that a reader sent into the window, all or none.

        Raises:
            PeerError: A frame is out of order or without credit, its picture lies nowhere or where
                another one does, the pixels have the wrong size, or the account does not balance.
        """
        self._check(message, blob)
        self._check_pictures(message, reader)
        self._check_account(message.counters, len(message.frames))
        pixels = memoryview(blob)
        begin = 0
        for header in message.frames:
            end = begin + len(header.regions) * self.crop_bytes
            self._enter(header, pixels[begin:end], reader)
            begin = end
        self.granted -= len(message.frames)
        self.counters = self.accepted_counters = message.counters
        self.state = "running"

    def _check(self, message: Frames, blob: bytes) -> None:
        first = self.session.first_frame
        last = first - 1 if self.last_accepted is None else self.last_accepted.frame
        if len(self.window) + len(message.frames) > self.credits:
            raise PeerError(
                f"source {self.name}: expected at most {self.credits} frames in the pipeline, "
                f"got {len(message.frames)} beside {len(self.window)}"
            )
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

    def _check_pictures(self, message: Frames, reader: str) -> None:
        pictures = [(reader, frame.slot) for frame in message.frames if frame.slot is not None]
        slots = self.plan.ring_slots
        for _, slot in pictures:
            if slots is not None and slot >= slots:
                raise PeerError(f"source {self.name}: slot {slot} of {slots}")
        if len(set(pictures)) < len(pictures) or not self.filled.isdisjoint(pictures):
            raise PeerError(f"source {self.name}: a slot whose picture is not drawn yet")

    def _check_account(self, counters: Counters, frames: int = 0) -> None:
        """What a reader sent, it sent here: its account tells no other number than ours."""
        known = self.processed + self.dropped.total() + len(self.window) + frames
        sent = counters.captured - sum(counters.dropped.values())
        if sent != known:
            raise PeerError(
                f"source {self.name}: account: expected {known} frames that were not dropped, "
                f"got {sent}"
            )

    def reported(self, counters: Counters) -> None:
        """Take a reader's account.

        Raises:
            PeerError: It does not balance, or the source has ended.
        """
        if self.ended is not None:
            raise PeerError(f"source {self.name}: an account after the end")
        self._check_account(counters)
        self.counters = counters

    def _enter(self, header: FrameHeader, crops: memoryview, reader: str) -> None:
        count = len(header.regions)
        frame = PendingFrame(self.name, header, crops, [None] * count, missing=count, reader=reader)
        self.window.append(frame)
        if header.slot is not None:
            self.filled.add((reader, header.slot))
        self.waiting.extend(RegionTask(frame, number) for number in range(count))
        self.last_accepted = ResumePoint(header.frame, header.pts_s)
        self.regions_accepted += count
        self.segment = header.segment
        self.captured_mono_ns = header.captured_mono_ns

    def expire(self, now_ns: int, answer_ns: int = 0) -> None:
        """Drop frames whose answers would be too old, unless a part of them is under way.

        Args:
            now_ns: On the clock of captures.
            answer_ns: What an answer takes. At most half of the age is kept for it: however slow
                answers are, the newest frames get some.
        """
        max_age_ns = self.plan.max_age_ns
        while self.waiting and max_age_ns is not None:
            frame = self.waiting[0].frame
            oldest_ns = max_age_ns - min(answer_ns, max_age_ns // 2)
            if now_ns - frame.header.captured_mono_ns <= oldest_ns:
                return
            if sum(task.frame is frame for task in self.waiting) < len(frame.records):
                return
            while self.waiting and self.waiting[0].frame is frame:
                self.waiting.popleft()
            frame.missing, frame.dropped = 0, "max_age"

    def next_together(self) -> int:
        """How many waiting regions make up the source's next turn: one, or those of a whole frame.

        A frame that can be dropped for its age must not be begun and then wait.
        """
        if self.plan.max_age_ns is None:
            return min(1, len(self.waiting))
        head = self.waiting[0].frame if self.waiting else None
        return sum(1 for _ in takewhile(lambda task: task.frame is head, self.waiting))

    def release(self) -> list[PendingFrame]:
        """Frames that are done and whose turn it is; credits of those not to be drawn fall due."""
        done: list[PendingFrame] = []
        while self.window and self.window[0].missing == 0:
            frame = self.window.popleft()
            if frame.dropped is None:
                self.processed += 1
            else:
                self.dropped[frame.dropped] += 1
            done.append(frame)
            if not (self.waits_for_sinks and frame.header.slot is not None):
                self.credits_due += 1
        return done

    def grant(self, now_ns: int) -> tuple[int, int]:
        """Credits and free slots that its reader gets now.

        A source that waits for sinks gets half of its credits at once: they come back one by one
        from the encoder, and would keep batches as small as that.
        """
        if self.waits_for_sinks and self.credits_due < max(1, self.credits // 2):
            return 0, 0
        frames, slots = self.credits_due, self.slots_due
        if self.freshness is not None:
            room = self.freshness.limit(now_ns, self.credits) - len(self.window) - self.granted
            frames = max(0, min(frames, room))
        self.credits_due -= frames
        self.granted += frames
        self.slots_due = 0
        return frames, slots

    @property
    def answered(self) -> int:
        """Frames of this part of the run."""
        return self.processed - self.resumed_frames

    @property
    def shown_state(self) -> str:
        """For people."""
        return "leaving" if self.leaving is not None and self.ended is None else self.state

    @property
    def state_without_pictures(self) -> str:
        """What it is called while its reader begins."""
        return "reconnecting" if self.is_live and self.was_heard else "starting"

    @property
    def end_frame(self) -> int:
        """The number that its end record takes: above all of its frames."""
        if self.last_accepted is None:
            return self.session.first_frame
        return self.last_accepted.frame + 1

    @property
    def session_after(self) -> Session:
        """Where the next session of this name begins."""
        last = self.last_accepted
        return Session(
            number=self.session.number + 1,
            first_frame=self.end_frame + 1,
            first_pts_s=self.session.first_pts_s if last is None else last.pts_s + BETWEEN_S,
            segment=self.segment + 1,
        )

    @property
    def is_finished(self) -> bool:
        """Its end is known and every frame before it is done."""
        return self.ended is not None and not self.window

    @property
    def is_stopped(self) -> bool:
        """It has ended because the run was interrupted."""
        return self.ended is not None and self.ended.reason == STOPPED

    @property
    def ledger(self) -> Ledger:
        """Balanced at every moment: the reader's account covers settled frames only."""
        # What a recorded source met behind its last accepted frame comes again after `--resume`.
        comes_again = self.is_stopped and not self.is_live
        counters = self.accepted_counters if comes_again else self.counters
        dropped = self.dropped + Counter(counters.dropped)
        return Ledger(
            captured=counters.captured,
            processed=self.processed,
            dropped=dict(dropped),
            in_flight=len(self.window),
            skipped=counters.skipped,
            corrupt=counters.corrupt,
        )
