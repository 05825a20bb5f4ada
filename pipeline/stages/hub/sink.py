"""One sink as the hub sees it: what was sent and is not yet durable."""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from pipeline.errors import PeerError
from pipeline.messages import Closed, CloseSink, HubMessage, Records, SinkAck
from pipeline.sinks.base import Key, Record, key_of

MAX_UNACKED = 4_096
"""Records; beyond this, sources get no credit."""
_MAX_PER_MESSAGE = 512
_MAX_PICTURES = 4
"""Frames to draw in one message: each message is answered, and the answer frees their slots."""
_MAX_DRAWN_REGIONS = 2_000
"""In a message of several frames; some 400 bytes each, far below what a message may hold."""
_FEED_INTERVAL_NS = 50_000_000
_FEED_AT_ONCE = 64
"""Records; fewer are sent only every so often, because a message costs as much for one."""
_MAX_MESSAGES = 32
"""Without an acknowledgement; far below what a socket queues, so that none is ever refused."""


@dataclass(slots=True)
class SinkTrack:
    """State of one sink, across its restarts.

    Records are numbered by one; those without an acknowledgement are kept and sent again to the
    sink's next incarnation, less what it says it already holds.
    """

    name: str
    draws: str | None = None
    """The one source whose frames it draws; it gets these instead of lines, a few at a time."""
    identity: str | None = None
    offset: int = 0
    next_seq: int = 0
    acked: int = -1
    """What this incarnation has acknowledged last."""
    unacked: deque[tuple[int, Record]] = field(default_factory=deque)
    num_sent: int = 0
    """How many of `unacked`, from the left, this incarnation has been sent."""
    ends: deque[int] = field(default_factory=deque)
    """Last number of each message that was sent and is not acknowledged."""
    fed_ns: int = -_FEED_INTERVAL_NS
    """When it was last sent something."""
    heard_ns: int = 0
    """When it last took something, or had nothing to take."""
    held: dict[str, Key] = field(default_factory=dict)
    frames_dropped: int = 0
    """Frames that it should have drawn, whose picture was not kept: it was too slow."""
    frames_lost: int = 0
    """Frames that were handed to it and are not in what it wrote."""
    lost_now: int = 0
    """Of these, what this incarnation has told."""
    trouble: str | None = None
    """Why it waits, or loses what it is given; None if all is well."""
    close_wanted: bool = False
    close_sent: bool = False
    closed: bool = False

    @property
    def is_full(self) -> bool:
        """So much is not durable that sources must wait."""
        return len(self.unacked) >= MAX_UNACKED

    def wants(self, record: Record) -> bool:
        """Whether a line is for it."""
        return self.draws is None or ("event" in record and record["source"] == self.draws)

    def put(self, record: Record) -> None:
        """Queue a record, unless the sink holds it from an earlier life."""
        if not self._is_held(record):
            self.unacked.append((self.next_seq, record))
            self.next_seq += 1

    def said_hello(self, identity: str, held: dict[str, Key]) -> None:
        """A new incarnation; `held` is the last key it has per source."""
        self.identity, self.num_sent, self.close_sent = identity, 0, False
        self.lost_now = 0
        self.acked = -1
        self.trouble = None
        self.ends.clear()
        self.fed_ns = -_FEED_INTERVAL_NS
        # It looked only behind `offset`; what an earlier incarnation held, it holds too.
        self.held |= held
        self.unacked = deque(item for item in self.unacked if not self._is_held(item[1]))

    def require_sent(self, message: SinkAck | Closed) -> None:
        """Refuse an answer to what this incarnation was not sent.

        Raises:
            PeerError: So it is, and what is kept for the sink must be kept on.
        """
        if isinstance(message, SinkAck):
            is_new = bool(self.num_sent) and (
                self.unacked[0][0] <= message.seq <= self.unacked[self.num_sent - 1][0]
            )
            was_sent = is_new or message.seq == self.acked  # again, while it waits
        else:
            was_sent = self.close_sent and message.seq == self.next_seq - 1
        if self.closed or not was_sent:
            kind = type(message).__name__
            raise PeerError(f"sink {self.name}: {kind} of {message.seq}, which it was not sent")

    def acknowledged(self, seq: int, offset: int) -> list[Record]:
        """Everything up to `seq` is durable; returns what no longer must be kept for it."""
        self.offset, self.acked = offset, seq
        done: list[Record] = []
        while self.ends and self.ends[0] <= seq:
            self.ends.popleft()
        while self.unacked and self.unacked[0][0] <= seq:
            done.append(self.unacked.popleft()[1])
            self.num_sent = max(0, self.num_sent - 1)
        return done

    def has_lost(self, frames: int) -> int:
        """This incarnation counts so many in all; returns how many more than before."""
        more = max(0, frames - self.lost_now)
        self.frames_lost += more
        self.lost_now += more
        return more

    def lost(self) -> None:
        """This incarnation died."""
        self.identity = None

    def messages(self, now_ns: int) -> list[HubMessage]:
        """What this incarnation has not been sent yet, if it is its turn."""
        out: list[HubMessage] = []
        if self.identity is None or self.closed or not self._is_due(now_ns):
            return out
        while self.num_sent < len(self.unacked) and len(self.ends) < _MAX_MESSAGES:
            end = self._end_of_message()
            chunk = [self.unacked[i] for i in range(self.num_sent, end)]
            for run in _consecutive(chunk):
                self.ends.append(run[-1][0])
                out.append(Records(run[0][0], [record for _, record in run]))
            self.num_sent = end
        if self.close_wanted and not self.close_sent and self.num_sent == len(self.unacked):
            self.close_sent = True
            out.append(CloseSink(self.next_seq - 1))
        if out:
            self.fed_ns = now_ns
        return out

    def _end_of_message(self) -> int:
        """Behind the last of `unacked` that the next message may hold."""
        if self.draws is None:
            return min(self.num_sent + _MAX_PER_MESSAGE, len(self.unacked))
        end, regions = self.num_sent, 0
        for _, record in islice(self.unacked, end, end + _MAX_PICTURES):
            regions += len(record.get("regions", ()))
            if regions > _MAX_DRAWN_REGIONS and end > self.num_sent:
                break
            end += 1
        return end

    def _is_due(self, now_ns: int) -> bool:
        """Enough has come together, the last has come, it was fed long ago, or a reader waits."""
        if self.draws is not None:
            return True
        num_unsent = len(self.unacked) - self.num_sent
        waited = now_ns - self.fed_ns >= _FEED_INTERVAL_NS
        return waited or self.close_wanted or num_unsent >= _FEED_AT_ONCE

    def is_late(self, now_ns: int, deadline_ns: int) -> bool:
        """It was sent something, or asked to close, and has not answered in time."""
        if self.identity is None or self.closed or not (self.ends or self.close_sent):
            self.heard_ns = now_ns
        return now_ns - self.heard_ns > deadline_ns

    def _is_held(self, record: Record) -> bool:
        held = self.held.get(record["source"])
        return held is not None and key_of(record) <= held


def _consecutive(items: list[tuple[int, Record]]) -> list[list[tuple[int, Record]]]:
    """Split where a number is missing, because a sink already held what stood there."""
    runs: list[list[tuple[int, Record]]] = []
    for item in items:
        if runs and runs[-1][-1][0] + 1 == item[0]:
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs
