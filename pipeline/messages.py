"""What travels between stages: schema, encode, decode.

A message is two parts: a header (a tagged array, MessagePack) and a blob (raw pixels, often empty).
Decoding checks types, sizes and the blob's length, so a stage never sees a malformed message.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from pipeline.errors import PeerError
from pipeline.finite import require_finite

SCHEMA_VERSION: Final = 1
MAX_HEADER_BYTES: Final = 4 << 20
MAX_BLOB_BYTES: Final = 64 << 20

# Bounds refuse NaN and infinity, too. They are far beyond what happens, so that only nonsense meets
# them; sums and differences of such numbers stay exact in 64 bits.
Count = Annotated[int, Meta(ge=0, le=1 << 53)]
FrameNumber = Annotated[int, Meta(ge=0, le=1 << 61)]
"""Below the key of the record that ends a source."""
Clock = Annotated[int, Meta(ge=0, le=1 << 62)]
"""Nanoseconds."""
Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
Milliseconds = Annotated[float, Meta(ge=0, le=1e15)]
Seconds = Annotated[float, Meta(ge=0, le=1e12)]
Share = Annotated[float, Meta(ge=0, le=1.000001)]
"""0 to 1; sums of float32 may pass it by their rounding."""
ClassNumber = Annotated[int, Meta(ge=0, le=65_535)]
ExitNumber = Annotated[int, Meta(ge=0, le=254)]
Credits = Annotated[int, Meta(ge=0, le=1 << 20)]
ReaderState = Literal["starting", "running", "reconnecting"]
Role = Literal["reader", "worker", "sink", "monitor"]


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    """Base of everything that travels. Field order is the wire format."""


class Counters(msgspec.Struct, frozen=True, array_like=True):
    """A reader's account of its settled frames: those sent or dropped, not those it still holds.

    Cumulative since the start of the source, so a lost message cannot unbalance the ledger.
    """

    captured: Count = 0
    dropped: dict[str, Count] = {}
    skipped: Count = 0
    corrupt: Count = 0


class LinkAccount(msgspec.Struct, frozen=True, array_like=True):
    """A live source's connection, cumulative over the whole run like `Counters`.

    A gap is open as long as there are more gaps than reconnects.
    """

    gaps: Count = 0
    """Stretches without pictures: connections that were lost after they had given some."""
    reconnects: Count = 0
    """Gaps that have ended."""
    gap_s: Seconds = 0.0
    """Seconds of all that have ended, from the last picture to the next one."""
    longest_gap_s: Seconds = 0.0
    clock_jumps: Count = 0
    """How often the camera's timestamps have jumped while it was connected."""


class RegionHeader(msgspec.Struct, frozen=True, array_like=True):
    """A region as it travels; its crop is in the blob, in the same order."""

    box: tuple[Number, Number, Number, Number]
    name: str | None = None
    track: int | None = None


# --- child to hub ---------------------------------------------------------------------------------


class Hello(Message, frozen=True):
    """First word of every child; the hub answers with what it needs to begin."""

    role: Role
    name: str
    pid: Count
    schema: int = SCHEMA_VERSION
    about: dict[str, Any] = {}
    """Worker: device, precision, threads, description. Sink: `keys`, the last key per source."""


class FrameHeader(msgspec.Struct, frozen=True, array_like=True):
    """One frame as it travels."""

    frame: FrameNumber
    pts_s: Number
    captured_at_ns: Clock
    captured_mono_ns: Clock
    decode_ms: Milliseconds
    regions: list[RegionHeader]
    segment: Count = 0
    """Number of the unbroken stretch of its source: grows when a camera is opened anew or its
    pictures change their size."""
    slot: Count | None = None
    """Of its reader's ring in shared memory, where its picture lies; None if it was not kept."""


class Frames(Message, frozen=True):
    """Frames of one source that travel together, because a message costs as much for one.

    Blob: the crops of all of them in order, uint8, (regions, height, width, 3) of the model.
    """

    source: str
    frames: list[FrameHeader]
    counters: Counters
    """As of the last of them, itself included."""


class ReaderStatus(Message, frozen=True):
    """Sent twice a second, frames or not."""

    source: str
    counters: Counters
    state: ReaderState
    waiting: Count
    """Frames held for want of a credit."""
    link: LinkAccount = LinkAccount()
    trouble: str | None = None
    """Why a live source gives no pictures; `state` is then "reconnecting"."""
    stuck_s: Seconds = 0.0
    """How long the decoder of a live source has not come back from one call."""


class SourceEnded(Message, frozen=True):
    """No frame follows. The hub confirms with `EndConfirmed`."""

    source: str
    reason: str
    counters: Counters
    ok: bool = True
    link: LinkAccount = LinkAccount()


class RegionResult(msgspec.Struct, frozen=True, array_like=True):
    """A worker's answer for one region of a batch."""

    label_id: ClassNumber
    confidence: Share
    exit: ExitNumber
    difficulty: Share
    macs: Count
    first_label_id: ClassNumber | None = None
    """Exit 0's answer; None unless the worker was asked to observe."""
    first_confidence: Share | None = None
    parts: tuple[Share, Share, Share] | None = None
    """Raw edge density, variance and gradient, each in [0, 1]; likewise."""
    exit_label_ids: list[ClassNumber] = []
    """Every exit's answer, if it ran to full depth on purpose; the last is full depth."""
    exit_confidences: list[Share] = []
    late: bool = False
    """It was cut short: this is the deepest answer that there was by its deadline."""


class BatchDone(Message, frozen=True):
    """Answers in the order of the batch."""

    batch: Count
    results: list[RegionResult]
    infer_ms: Milliseconds
    cpu_ms: Milliseconds


class SinkAck(Message, frozen=True):
    """All records up to `seq` are durable; `offset` is where a restart may begin to look.

    Sent again with the same `seq`, -1 before the first, while it waits.
    """

    seq: Annotated[int, Meta(ge=-1, le=1 << 53)]
    offset: Count
    lost: Count = 0
    """Of what this incarnation found or took: so much is not in what the sink wrote."""
    trouble: str | None = None
    """Why it waits, or loses what it is given, for a person; None if all is well."""


class Closed(Message, frozen=True):
    """A sink has flushed and closed; -1 if it was sent nothing."""

    seq: Annotated[int, Meta(ge=-1, le=1 << 53)]
    lost: Count = 0
    """As in `SinkAck`."""


class Fatal(Message, frozen=True):
    """A child cannot go on, and a restart would not help (the user's input is wrong)."""

    text: str


class Join(Message, frozen=True):
    """First word of a reader on another host; the hub answers with `Assignment` or `TurnedAway`."""

    source: str
    owner: str
    """Of the command that started it; another reader of the same owner takes its place at once."""
    live: bool
    """Its source goes on while nobody reads."""
    schema: int = SCHEMA_VERSION


class Ping(Message, frozen=True):
    """A reader on another host lives; the hub answers with `Pong`."""

    sent_ns: Clock
    """Its monotonic clock."""


class Leave(Message, frozen=True):
    """A reader on another host goes, its source goes on: another reader may come for it."""


# --- hub to child ---------------------------------------------------------------------------------


class Credit(Message, frozen=True):
    """A reader may send this many more frames, and fill this many slots of its ring again."""

    frames: Credits
    slots: Credits = 0


class EndConfirmed(Message, frozen=True):
    """The hub has the source's end; the reader may leave."""


class PolicyBody(Message, frozen=True):
    """A policy, sent to each worker before the first batch that names its version."""

    version: Count
    body: dict[str, Any]


class Batch(Message, frozen=True):
    """Regions to classify. Blob: crops, uint8, (regions, height, width, 3)."""

    batch: Count
    policy_version: Count
    regions: Annotated[int, Meta(ge=1, le=MAX_BLOB_BYTES)]
    audit: list[Count] = []
    """Positions that run to full depth on purpose."""
    budgets_ms: list[Number | None] = []
    """Per region, the time from receipt to its deadline, negative if that has passed; None for one
    without, empty where no region has any. A budget, because clocks of two hosts differ."""


class Records(Message, frozen=True):
    """Records for a sink; `first_seq` numbers the first, the rest follow by one."""

    first_seq: Count
    records: list[dict[str, Any]]


class CloseSink(Message, frozen=True):
    """No record follows `seq`; flush, answer `Closed`, leave."""

    seq: Annotated[int, Meta(ge=-1, le=1 << 53)]


class Stop(Message, frozen=True):
    """End now, orderly: a reader captures no more and sends its end, a worker leaves."""


class Assignment(Message, frozen=True):
    """What a reader on another host is to do."""

    spec: dict[str, Any]
    """The fields of its `ReaderSpec` but for what is its host's own matter."""
    timeout_s: Seconds
    """Either side takes the other for gone when it has heard nothing for so long."""

    def __post_init__(self) -> None:
        require_finite(self.spec)


class TurnedAway(Message, frozen=True):
    """A reader on another host may not read this source, or not now."""

    reason: str
    """In words."""
    kind: Literal["refused", "busy", "ended", "stopping"]


class Pong(Message, frozen=True):
    """Answer to a `Ping`, so that the reader knows that it is heard, and the hub's clock."""

    sent_ns: Clock
    """Of the `Ping`."""
    hub_ns: Clock
    """The hub's monotonic clock."""


RemoteMessage = Join | Ping | Leave
ChildMessage = (
    Hello
    | Frames
    | ReaderStatus
    | SourceEnded
    | BatchDone
    | SinkAck
    | Closed
    | Fatal
    | RemoteMessage
)
ToRemote = Assignment | TurnedAway | Pong
HubMessage = Credit | EndConfirmed | PolicyBody | Batch | Records | CloseSink | Stop | ToRemote
AnyMessage = ChildMessage | HubMessage


def encode(message: AnyMessage) -> bytes:
    """The header part of a message."""
    return _ENCODER.encode(message)


def decode_from_child(header: bytes) -> ChildMessage:
    """Read a header that a child sent.

    Raises:
        PeerError: Not MessagePack, too large, of an unknown kind, or of the wrong shape.
    """
    message: ChildMessage = _decode(header, _FROM_CHILD)
    return message


def decode_from_hub(header: bytes) -> HubMessage:
    """Read a header that the hub sent.

    Raises:
        PeerError: Not MessagePack, too large, of an unknown kind, or of the wrong shape.
    """
    message: HubMessage = _decode(header, _FROM_HUB)
    return message


def _decode(header: bytes, decoder: msgspec.msgpack.Decoder[Any]) -> Any:
    if len(header) > MAX_HEADER_BYTES:
        raise PeerError(
            f"message header: at most {MAX_HEADER_BYTES} bytes allowed, got {len(header)}"
        )
    try:
        return decoder.decode(header)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise PeerError(f"message header: {error}") from error


def _refuse_extension(code: int, _body: memoryview) -> Any:
    raise ValueError(f"extension type {code}")


# Built once and straight from bytes to checked messages: by way of plain objects (`msgpack`, then
# `msgspec.convert`) a frame's header took 13 us to decode instead of 0.5. Lengths are held against
# the bytes that are there before anything is allocated.
_ENCODER: Final = msgspec.msgpack.Encoder()
_FROM_CHILD: Final = msgspec.msgpack.Decoder(ChildMessage, ext_hook=_refuse_extension)
_FROM_HUB: Final = msgspec.msgpack.Decoder(HubMessage, ext_hook=_refuse_extension)
