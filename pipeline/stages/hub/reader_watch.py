"""Readers that hang, and cameras that stay away: what the hub makes of what readers say."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from pipeline.hearsay import hearsay
from pipeline.messages import ReaderStatus
from pipeline.stages.hub.actions import Action, Alarm, Kill
from pipeline.stages.hub.sources import Sources

SILENCE_NS: Final = 30_000_000_000
"""So long may a reader of a recording say nothing; it does so twice a second."""
LEAVE_NS: Final = 10_000_000_000
"""So long may the reader of a source that is to leave go on."""
AWAY_NS: Final = 60_000_000_000
"""A camera that is away for longer is worth an alarm."""


@dataclass(slots=True)
class _Seen:
    """Of the reader that lives."""

    heard_ns: int = 0
    stuck_s: float = 0.0
    is_doomed: bool = False
    """Its end is asked for already."""
    away_since_ns: int | None = None
    trouble: str | None = None
    leaving_since_ns: int | None = None
    """When its source was first seen to be leaving."""
    is_reported: bool = False
    """An alarm has told of this absence."""


class ReaderWatch:
    """Decides which readers are killed: a kill is the only time-out that always works.

    A process that says nothing any more is stopped or holds the interpreter; one whose decoder
    does not come back is stuck in a library. Both are started again.

    Args:
        sources: Their plans say how long each reader may take.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._seen: defaultdict[str, _Seen] = defaultdict(_Seen)

    def began(self, name: str) -> None:
        """Another reader has said hello."""
        seen = self._seen[name]
        seen.stuck_s, seen.is_doomed = 0.0, False

    def left(self, name: str) -> None:
        """The source is gone."""
        self._seen.pop(name, None)

    def heard(self, name: str, now_ns: int) -> None:
        """Its reader has said something."""
        self._seen[name].heard_ns = now_ns

    def forgive(self, away_ns: int, now_ns: int) -> None:
        """Time in which nobody listened does not count."""
        for seen in self._seen.values():
            seen.heard_ns = min(seen.heard_ns + away_ns, now_ns)
            if seen.leaving_since_ns is not None:
                seen.leaving_since_ns = min(seen.leaving_since_ns + away_ns, now_ns)

    def status(self, message: ReaderStatus, now_ns: int) -> None:
        """Its reader has said how it is."""
        seen, source = self._seen[message.source], self._sources[message.source]
        seen.stuck_s = message.stuck_s
        # It may come from another host, and what a library says may name a whole URI.
        seen.trouble = None if message.trouble is None else hearsay(message.trouble)
        source.link = message.link
        if source.is_live and source.ended is None:
            source.state = message.state
        if message.state != "reconnecting":
            seen.away_since_ns, seen.is_reported = None, False
        elif seen.away_since_ns is None:
            seen.away_since_ns = now_ns

    def actions(self, now_ns: int) -> list[Action]:
        """Whom to end, and what a person should know."""
        found: list[Action] = []
        for name, source in self._sources.items():
            seen = self._seen[name]
            if source.ended is not None or source.reader is None:
                continue
            if source.leaving is not None and seen.leaving_since_ns is None:
                seen.leaving_since_ns = now_ns
            reason = self._why_to_kill(seen, source.plan.patience_ns or SILENCE_NS, now_ns)
            if reason is not None and not seen.is_doomed:
                seen.is_doomed = True
                found.append(Kill(source.reader, reason))
            if self._is_news(seen, now_ns):
                seen.is_reported = True
                found.append(
                    Alarm(f"source {name}: no pictures for {AWAY_NS / 1e9:g} s: {seen.trouble}")
                )
        return found

    def _why_to_kill(self, seen: _Seen, patience_ns: int, now_ns: int) -> str | None:
        if now_ns - seen.heard_ns > patience_ns:
            return f"has said nothing for {patience_ns / 1e9:g} s"
        if seen.stuck_s * 1e9 > patience_ns:
            return f"its decoder has not come back for {patience_ns / 1e9:g} s"
        leaving_ns = now_ns - (seen.leaving_since_ns or now_ns)
        if leaving_ns > LEAVE_NS:
            return f"was told to stop and has not said its end for {LEAVE_NS / 1e9:g} s"
        return None

    def _is_news(self, seen: _Seen, now_ns: int) -> bool:
        away_ns = 0 if seen.away_since_ns is None else now_ns - seen.away_since_ns
        return away_ns >= AWAY_NS and not seen.is_reported
