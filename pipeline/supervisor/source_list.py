"""Which sources a run is to have, and how it gets there while it goes on."""

import difflib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.commands import Reload, SourceAdd, SourceChange, SourceCommand, SourceRemove
from pipeline.config import SinkConfig, VideoSinkConfig
from pipeline.config_file import LoadedConfig, read_source, with_settings
from pipeline.errors import CommandError, UserError
from pipeline.source_changes import SourceChanges, other_changes, source_changes
from pipeline.stages.hub import Hub
from pipeline.supervisor.crew import Crew
from pipeline.supervisor.plan import RunPlan, replace_sources
from pipeline.supervisor.recording import resolved_source, without_secrets
from pipeline.supervisor.source_book import SOURCES, KeptSources, write_sources
from pipeline.supervisor.source_rules import require_possible

REMOVED: Final = "removed"
CHANGED: Final = "changed"

Body = dict[str, Any]
"""A source as a configuration has it, `${NAME}` not filled in."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run's configuration comes from."""

    loaded: LoadedConfig
    read_again: Callable[[], LoadedConfig] | None = None
    """The file and all that overrides it, as they are now; None without a file."""
    kept: KeptSources | None = None
    """Of an earlier part of the run."""


class SourceList:
    """The sources that a run is to have. The hub has those that it reads.

    What leaves is drained first: its reader stops, what was accepted is answered and written, and
    then its name is free. A source that is changed leaves and begins again, as another session.
    Each step is on disk before it is taken.

    Args:
        plan: What is run.
        origin: Where its configuration comes from.
        hub: Has the sources.
        crew: Starts and stops their readers.
        out: Folder of the run.
    """

    def __init__(self, plan: RunPlan, origin: Origin, hub: Hub, crew: Crew, out: Path) -> None:
        self._plan = plan
        self._origin = origin
        self._hub = hub
        self._crew = crew
        self._out = out
        bodies = origin.loaded.plain["sources"]
        self._wanted: dict[str, Body] = {name: dict(body) for name, body in bodies.items()}
        self._kept = origin.kept or self._as_begun()
        self._is_draining = False

    def obey(self, command: SourceCommand) -> str:
        """Do what a person wants of the sources; returns what is done, in a line.

        Raises:
            CommandError: it cannot be done; nothing has changed.
        """
        if self._is_draining or self._hub.sources.is_over:
            raise CommandError("expected a run that goes on; this one is coming to its end")
        try:
            match command:
                case SourceAdd(name, settings):
                    return self._add(name, settings)
                case SourceChange(name, settings):
                    return self._change(name, settings)
                case SourceRemove(name):
                    return self._remove(name)
                case Reload():
                    return self._reload()
        except UserError as error:
            raise CommandError(str(error)) from error

    def begin_awaited(self) -> None:
        """Begin what an earlier part of the run had still to begin."""
        waiting = [name for name in self._wanted if name not in self._hub.sources]
        self._begin(waiting)

    def retired(self, name: str) -> None:
        """The hub has let go of a source; it begins again if it should."""
        self._crew.forget_reader(name)
        if self._is_draining:
            return
        self._kept = self._kept.ended(name, self._hub.sources.next_session(name).first_frame - 1)
        if name in self._wanted:
            self._begin([name])
        else:
            self._write_or_tell()
            log.info("source %s: gone", name)

    def drain(self) -> None:
        """The run ends: nothing begins any more, and a run that is resumed has the same to do."""
        self._is_draining = True
        self._hub.sources.expected.clear()

    # --- what a person wants ----------------------------------------------------------------------

    def _add(self, name: str, settings: Iterable[str]) -> str:
        if name in self._wanted:
            raise CommandError(
                f"source add: expected a new name, got {name!r}; `source change` changes a source"
            )
        body = with_settings({}, settings, where=f"source add {name}")
        return self._apply({**self._wanted, name: body})

    def _change(self, name: str, settings: Iterable[str]) -> str:
        self._require_known(name, "source change")
        body = with_settings(self._wanted[name], settings, where=f"source change {name}")
        return self._apply({**self._wanted, name: body}, again=name)

    def _remove(self, name: str) -> str:
        self._require_known(name, "source remove")
        return self._apply({key: body for key, body in self._wanted.items() if key != name})

    def _reload(self) -> str:
        if self._origin.read_again is None:
            raise CommandError(
                "expected a run of a configuration file, got one without or one that was resumed; "
                "`dart-stream control source` changes its sources"
            )
        loaded = self._origin.read_again()
        others = other_changes(self._origin.loaded.config, loaded.config)
        words = self._apply(loaded.plain["sources"])
        return words + (f"; takes effect at the next start: {', '.join(others)}" if others else "")

    def _require_known(self, name: str, action: str) -> None:
        if name in self._wanted:
            return
        near = difflib.get_close_matches(name, self._wanted, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self._wanted)}"
        raise CommandError(f"{action}: expected a source of this run, got {name!r}; {hint}")

    # --- from what is to what should be -----------------------------------------------------------

    def _apply(self, wanted: Mapping[str, Body], *, again: str | None = None) -> str:
        """Have these sources from here on; returns what that changes.

        Args:
            wanted: All sources that there should be.
            again: One that begins anew although nothing of it may have changed: it is played again.

        Raises:
            UserError: One of them is wrong.
            CommandError: It cannot be; nothing has changed.
        """
        configs = {name: read_source(name, body) for name, body in wanted.items()}
        before = self._plan.config.sources
        changes = source_changes(before, configs)
        if again is not None and not changes:
            changes = SourceChanges(changed=(again,))
        require_possible(changes, before, configs, self._hub)
        if changes:
            self._adopt(wanted, replace_sources(self._plan, configs), changes)
            self._carry_out(changes)
        return changes.words

    def _adopt(self, wanted: Mapping[str, Body], plan: RunPlan, changes: SourceChanges) -> None:
        reasons = dict.fromkeys(changes.removed, REMOVED) | dict.fromkeys(changes.changed, CHANGED)
        resolved = {name: resolved_source(name, body) for name, body in wanted.items()}
        kept = self._kept.wanting(resolved, reasons)
        try:
            write_sources(self._out, kept)
        except OSError as error:
            raise CommandError(
                f"{self._out / SOURCES}: {error.strerror}; the sources stay as they are"
            ) from error
        self._kept, self._plan = kept, plan
        self._wanted = {name: dict(body) for name, body in wanted.items()}

    def _carry_out(self, changes: SourceChanges) -> None:
        sources = self._hub.sources
        sources.expected.difference_update(changes.removed)
        sources.expected.update(changes.changed, changes.added)
        for names, reason in ((changes.removed, REMOVED), (changes.changed, CHANGED)):
            for name in names:
                self._release(name, reason)
        self._begin([name for name in changes.added if name not in sources])

    def _release(self, name: str, reason: str) -> None:
        if name in self._hub.sources:
            self._hub.release_source(name, reason)
            self._crew.stop_reader(name)

    def _begin(self, names: Iterable[str]) -> None:
        """Read sources whose names are free."""
        names = list(names)
        if not names:
            return
        for name in names:
            session = self._hub.sources.next_session(name)
            self._hub.begin_source(self._plan.source_plan(name), session)
            self._kept = self._kept.begun(name, session)
            log.info("source %s: begins, session %d", name, session.number)
        self._write_or_tell()
        for name in names:
            self._crew.start_reader(name)

    # --- on disk ----------------------------------------------------------------------------------

    def _as_begun(self) -> KeptSources:
        kept = KeptSources(
            wanted={name: resolved_source(name, body) for name, body in self._wanted.items()},
            sinks=_settled(self._origin.loaded.plain.get("sinks"), self._plan.config.sinks),
            sessions=[],
        )
        for name, track in self._hub.sources.items():
            kept = kept.begun(name, track.session)
        return kept

    def _write_or_tell(self) -> None:
        """What is decided is done; the next change tries to write it again."""
        try:
            write_sources(self._out, self._kept)
        except OSError as error:
            log.warning("%s: %s; sources go on unsaved", self._out / SOURCES, error.strerror)


def _settled(plain: Any, sinks: list[SinkConfig]) -> list[Body]:
    """The sinks of a configuration; a video's source and file are filled in if left out."""
    bodies = plain if isinstance(plain, list) else [{"type": "jsonl"}]
    return [
        {**body, "source": sink.source, "file": sink.file, "max_mb": sink.max_mb}
        if isinstance(sink, VideoSinkConfig)
        else body
        for body, sink in zip(without_secrets(bodies), sinks, strict=True)
    ]
