"""`sources.json`: the sources that a run has by now, for `--resume` and for readers of its files.

Written when the sources first change, and from then on before a change takes effect: numbers of
frames that were named once are never given again.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.errors import ConfigError
from pipeline.stages.hub import Session

SOURCES: Final = "sources.json"
MAX_BYTES: Final = 16 << 20
PAST_KEPT: Final = 1_000
"""Sessions that are over and still listed, the last ones."""


class KeptSession(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the times that a source is or was read."""

    name: str
    number: int
    """Of the name's sessions, from 1."""
    first_frame: int
    first_pts_s: float
    segment: int
    """The first one."""
    source: dict[str, Any]
    """Its configuration; a secret stays `${NAME}`, a literal one is hidden."""
    leaving: str | None = None
    """Why it is read no more; None of one that is read."""
    end_frame: int | None = None
    """The number that its end takes, once it is over: its frames lie below."""

    @property
    def session(self) -> Session:
        """Where its numbers begin."""
        return Session(
            number=self.number,
            first_frame=self.first_frame,
            first_pts_s=self.first_pts_s,
            segment=self.segment,
        )


class KeptSources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    format: int = 1
    wanted: dict[str, dict[str, Any]]
    """The sources that the run is to have, as in a configuration."""
    sinks: list[dict[str, Any]] = []
    """As in a configuration, with the source of each video: there may be other sources now."""
    sessions: list[KeptSession]
    """In the order in which they began; those that are over come first."""

    @property
    def open(self) -> dict[str, KeptSession]:
        """By name, those that are read or drained."""
        return {each.name: each for each in self.sessions if each.end_frame is None}

    def wanting(
        self, wanted: Mapping[str, dict[str, Any]], leaving: Mapping[str, str]
    ) -> "KeptSources":
        """Other sources are wanted, so that some are to leave, for a reason."""
        return msgspec.structs.replace(
            self,
            wanted=dict(wanted),
            sessions=[
                msgspec.structs.replace(each, leaving=each.leaving or leaving.get(each.name))
                if each.end_frame is None
                else each
                for each in self.sessions
            ],
        )

    def begun(self, name: str, session: Session) -> "KeptSources":
        """A source that is wanted is read from here on."""
        begin = KeptSession(
            name=name,
            number=session.number,
            first_frame=session.first_frame,
            first_pts_s=session.first_pts_s,
            segment=session.segment,
            source=self.wanted[name],
        )
        return msgspec.structs.replace(self, sessions=[*self.sessions, begin])

    def ended(self, name: str, end_frame: int) -> "KeptSources":
        """A session is over; of those before it the last ones are still listed."""
        over = [each for each in self.sessions if each.end_frame is not None]
        this = msgspec.structs.replace(self.open[name], end_frame=end_frame)
        rest = [each for each in self.open.values() if each.name != name]
        return msgspec.structs.replace(self, sessions=[*over, this][-PAST_KEPT:] + rest)


def read_sources(out: Path) -> KeptSources | None:
    """What an earlier part of a run says of its sources; None if they never changed.

    Raises:
        ConfigError: The file is damaged.
    """
    path = out / SOURCES
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        kept = msgspec.json.decode(content, type=KeptSources)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(
            f"{path}: expected the sources of a run, got something else: {error}"
        ) from (error)
    if kept.format != 1:
        raise ConfigError(f"{path}: expected format 1, got {kept.format}")
    return kept


def write_sources(out: Path, kept: KeptSources) -> None:
    """Write the file, whole or not at all, so that a power cut leaves one or the other.

    Raises:
        OSError: There is no room.
    """
    path = out / SOURCES
    partial = path.with_name(f"{SOURCES}.partial")
    try:
        with partial.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
