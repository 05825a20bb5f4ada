"""What a run read, session by session: by `sources.json`, or by its configuration alone."""

import dataclasses
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from pipeline.config import SourceConfig
from pipeline.config_file import read_source
from pipeline.errors import ConfigError
from pipeline.footage import PlayedSession
from pipeline.supervisor.source_book import SOURCES, read_sources


class RunSessions:
    """The sessions of a run's sources, in the order in which they began.

    Args:
        sessions: The frames of a name's later session lie above those of its earlier ones.
        is_changed: Sources came, went or were changed while the run went on. Then there may have
            been more sessions than are known.
    """

    def __init__(self, sessions: Iterable[PlayedSession], *, is_changed: bool) -> None:
        self.all = list(sessions)
        self.is_changed = is_changed
        self._by_name: dict[str, list[PlayedSession]] = {}
        for session in self.all:
            self._by_name.setdefault(session.name, []).append(session)

    @property
    def names(self) -> list[str]:
        """Of all sources, in the order in which they first began."""
        return list(self._by_name)

    def of(self, name: str) -> list[PlayedSession]:
        """The known sessions of a name, in order."""
        return self._by_name.get(name, [])

    def find(self, name: str, frame: int) -> PlayedSession | None:
        """The session that a frame belongs to; None if it is not known."""
        sessions = self.of(name)
        place = bisect_right(sessions, frame, key=lambda each: each.frames.start)
        session = sessions[place - 1] if place else None
        return session if session is not None and frame in session.frames else None

    def closed_by(self, ends: Mapping[tuple[str, int], int]) -> "RunSessions":
        """The same, and those ended whose end found no room in the file.

        Args:
            ends: Numbers that ends have taken in the results, by name and number of the session.
        """
        closed = [
            dataclasses.replace(each, end_frame=ends.get((each.name, each.session.number)))
            if each.end_frame is None
            else each
            for each in self.all
        ]
        return RunSessions(closed, is_changed=self.is_changed)

    @property
    def always_full(self) -> dict[str, list[range]]:
        """By name, the frames that ran to full depth whatever any policy said."""
        return {
            name: [each.frames for each in sessions if each.config.always_full]
            for name, sessions in self._by_name.items()
        }


def read_sessions(folder: Path, sources: Mapping[str, SourceConfig]) -> RunSessions:
    """Read what a run says of its sources.

    Args:
        folder: Of the run.
        sources: Of its configuration, for a run that kept them.

    Raises:
        ConfigError: The file is damaged, or a source in it cannot be used.
    """
    kept = read_sources(folder)
    if kept is None:
        found = [PlayedSession(name, config) for name, config in sources.items()]
        return RunSessions(found, is_changed=False)
    sessions = [
        PlayedSession(
            each.name,
            read_source(each.name, each.source),
            each.session,
            end_frame=each.end_frame,
        )
        for each in kept.sessions
    ]
    _require_apart(folder / SOURCES, sessions)
    return RunSessions(sessions, is_changed=True)


def _require_apart(path: Path, sessions: list[PlayedSession]) -> None:
    by_name: dict[str, list[PlayedSession]] = {}
    for session in sessions:
        by_name.setdefault(session.name, []).append(session)
    for name, of_name in by_name.items():
        for before, after in pairwise(of_name):
            if before.end_frame is None or before.end_frame >= after.frames.start:
                raise ConfigError(
                    f"{path}: expected sessions of {name!r} whose frames lie one behind the "
                    f"other, got {before.session.number} and {after.session.number} with the same"
                )
