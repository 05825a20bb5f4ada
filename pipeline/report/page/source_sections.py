"""The tables of sources: what came of each, and when it was read in which way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from dart_stream.evaluation.page.blocks import Column, Group, paragraph, section, table
from dart_stream.evaluation.page.wording import NOT_MEASURED, count, text
from pipeline.config import SourceConfig
from pipeline.redact import redact
from pipeline.report.story import Story
from pipeline.snapshot import Ledger, SourceSnap
from pipeline.supervisor.source_book import KeptSession
from pipeline.ui.figures import MISSING, rate

_MOST_ROWS: Final = 256
_REMOVED: Final = "removed"
_USUAL: Final = msgspec.to_builtins(SourceConfig(uri=""))


@dataclass(frozen=True, slots=True)
class _Row:
    """A source, all of its sessions together as far as the summary has them."""

    name: str
    snap: SourceSnap | None
    summary: Mapping[str, Any]
    uri: str
    is_gone: bool

    @property
    def ledger(self) -> Ledger | None:
        frames = self.summary.get("frames")
        if frames and None not in frames.values():
            return msgspec.convert(frames, Ledger)
        return None if self.snap is None else self.snap.ledger

    @property
    def state(self) -> str:
        shown = None if self.snap is None or self.is_gone else self.snap.state
        return shown or self.summary.get("state") or _REMOVED


def source_names(story: Story) -> list[str]:
    """All that the run had, in the order in which they were first seen."""
    return list(dict.fromkeys([*story.sources, *_summaries(story)]))


def sources_section(story: Story) -> str:
    """One row a source; each ledger balances."""
    rows = _rows(story)
    shown = rows[-_MOST_ROWS:]
    columns: list[Column[_Row]] = [
        Column(
            "source", lambda row: f"{text(row.name)}<small>{text(row.uri)}</small>", kind="words"
        ),
        Column("state", _state, kind="name"),
        *([] if story.book is None else [Column("sessions", _sessions)]),
        Column("captured", lambda row: _of_ledger(row, "captured")),
        Column("processed", lambda row: _of_ledger(row, "processed")),
        Column("dropped", _dropped),
        Column("in flight", lambda row: _of_ledger(row, "in_flight")),
        Column("skipped", lambda row: _of_ledger(row, "skipped")),
        Column("corrupt", lambda row: _of_ledger(row, "corrupt")),
        Column("frames/s", lambda row: _fps(row.summary)),
        Column("exits (%)", _exits),
    ]
    more = len(rows) > len(shown)
    words = f"The last {len(shown)} of {count(len(rows))}." if more else ""
    if story.book is not None and story.summary is None:
        words = f"{words} Figures are those of each source's last session.".strip()
    return section("Sources", paragraph(words, "lead"), table(columns, [Group(shown)]))


def sessions_section(story: Story) -> str:
    """Each time that a source was read, where sources were changed; else nothing."""
    if story.book is None:
        return ""
    sessions = story.book.sessions
    shown = sessions[-_MOST_ROWS:]
    columns: list[Column[KeptSession]] = [
        Column("source", lambda row: text(row.name), kind="name"),
        Column("session", lambda row: count(row.number)),
        Column("read", _what_was_read, kind="words"),
        Column("first frame", lambda row: count(row.first_frame)),
        Column("end", lambda row: MISSING if row.end_frame is None else count(row.end_frame)),
        Column("why it left", lambda row: text(row.leaving or ""), kind="name"),
    ]
    words = "Each time that a source was read. Its frames are numbered below its end."
    if len(sessions) > len(shown):
        words += f" The last {len(shown)} of {count(len(sessions))} that are known."
    return section(
        "Sources that came and went",
        paragraph(words, "lead"),
        table(columns, [Group(shown)]),
    )


def _rows(story: Story) -> list[_Row]:
    assert story.last is not None, "gather refuses a recording without snapshots"
    summaries = _summaries(story)
    here = {source.name for source in story.last.sources}
    read = {} if story.book is None else {each.name: each for each in story.book.sessions}
    rows = []
    for name in source_names(story):
        snap = story.sources.get(name)
        uri = _uri(read[name]) if snap is None and name in read else ""
        rows.append(
            _Row(
                name=name,
                snap=snap,
                summary=summaries.get(name) or {},
                uri=uri if snap is None else snap.uri,
                is_gone=name not in here,
            )
        )
    return rows


def _summaries(story: Story) -> Mapping[str, Any]:
    return (story.summary or {}).get("sources") or {}


def _uri(session: KeptSession) -> str:
    return redact(str(session.source.get("uri", "")))


def _what_was_read(session: KeptSession) -> str:
    """The address, and what of the rest is not as usual."""
    words = ", ".join(
        f"{key}: {msgspec.json.encode(value).decode()}"
        for key, value in session.source.items()
        if key != "uri" and value != _USUAL.get(key)
    )
    return text(_uri(session)) + (f"<small>{text(words)}</small>" if words else "")


def _state(row: _Row) -> str:
    reason = row.summary.get("reason")
    is_news = reason and reason != row.state
    return text(row.state) + (f"<small>{text(reason)}</small>" if is_news else "")


def _sessions(row: _Row) -> str:
    known = row.summary.get("sessions")
    return NOT_MEASURED if known is None else count(known)


def _of_ledger(row: _Row, key: str) -> str:
    return NOT_MEASURED if row.ledger is None else count(getattr(row.ledger, key))


def _dropped(row: _Row) -> str:
    if row.ledger is None:
        return NOT_MEASURED
    dropped = row.ledger.dropped
    reasons = ", ".join(f"{text(reason)} {count(number)}" for reason, number in dropped.items())
    total = count(sum(dropped.values()))
    return f"{total}<small>{reasons}</small>" if reasons else total


def _fps(summary: Mapping[str, Any]) -> str:
    value = summary.get("fps")
    return NOT_MEASURED if value is None else rate(value)


def _exits(row: _Row) -> str:
    shares = row.summary.get("exits") or ([] if row.snap is None else row.snap.exits)
    return " / ".join(f"{100 * share:.0f}" for share in shares) if sum(shares) else NOT_MEASURED
