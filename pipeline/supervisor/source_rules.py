"""What may become of the sources of a run while it goes on."""

from collections.abc import Mapping
from typing import Final

from pipeline.config import SourceConfig
from pipeline.errors import CommandError
from pipeline.remote_address import REMOTE_URI, is_remote
from pipeline.source_changes import SourceChanges
from pipeline.stages.hub import Hub
from pipeline.supervisor.plan import check_named_source

MAX_AT_ONCE: Final = 256
"""Sources of a run that is given more while it goes on: each has a process."""
MAX_NAMES: Final = 1_000
"""Names that a run may give to sources, those that are gone included."""


def require_possible(
    changes: SourceChanges,
    before: Mapping[str, SourceConfig],
    wanted: Mapping[str, SourceConfig],
    hub: Hub,
) -> None:
    """Refuse what cannot be while the run goes on.

    Args:
        changes: from `before` to `wanted`.
        before: the sources that there should be by now.
        wanted: those that there should be from here on.
        hub: of the run.

    Raises:
        UserError: a source is wrong by itself.
        CommandError: the run cannot have it.
    """
    for name in (*changes.added, *changes.changed):
        check_named_source(name, wanted[name])
    _refuse_remote(changes, before, wanted)
    if changes.added and len(wanted) > MAX_AT_ONCE:
        raise CommandError(f"sources: expected at most {MAX_AT_ONCE} at once, got {len(wanted)}")
    names = {*hub.sources.names, *changes.added}
    if changes.added and len(names) > MAX_NAMES:
        raise CommandError(
            f"sources: expected at most {MAX_NAMES} names in one run, got {len(names)}; "
            "take one again that is not in use"
        )
    if changes.removed and not any(_has_more(name, changes, hub) for name in wanted):
        raise CommandError(
            f"sources: nothing would be left to read without {', '.join(changes.removed)}; "
            "`dart-stream control stop` ends a run"
        )


def _refuse_remote(
    changes: SourceChanges,
    before: Mapping[str, SourceConfig],
    wanted: Mapping[str, SourceConfig],
) -> None:
    for name in (*changes.added, *changes.changed, *changes.removed):
        versions = [each[name] for each in (before, wanted) if name in each]
        if any(is_remote(version) for version in versions):
            raise CommandError(
                f"sources.{name}: a source with the URI {REMOTE_URI} stays as it was at the start; "
                "end the run and start it again to change it"
            )


def _has_more(name: str, changes: SourceChanges, hub: Hub) -> bool:
    """Whether frames of a source are still to come."""
    track = hub.sources.get(name)
    begins = name in changes.added or name in changes.changed
    return begins or track is None or track.leaving is not None or track.ended is None
