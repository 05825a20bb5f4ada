"""How many frames a video was given before its run broke off."""

from pipeline.config import CustomRegions, SourceConfig
from pipeline.config_file import read_source
from pipeline.errors import UserError
from pipeline.sinks.base import UNKNOWN_OFFSET
from pipeline.snapshot import Ledger
from pipeline.stages.hub import Hub, SourceTrack
from pipeline.supervisor.source_book import KeptSession, KeptSources
from pipeline.supervisor.source_traits import traits_of


def frames_drawn(hub: Hub, name: str, kept: KeptSources | None, *, has_results: bool) -> int:
    """Frames of a source, all its sessions together, before those that come again.

    A number that is too small would pass over frames that are new, so none is guessed.

    Args:
        hub: Has been told how far its sources had come.
        name: Of the source.
        kept: What is known of the sources, if these have changed.
        has_results: Some file tells how far.

    Returns:
        `UNKNOWN_OFFSET` where nothing comes again, or not all that were drawn can be counted.
    """
    track = hub.sources.get(name)
    # What leaves, or is to begin yet, gives none of its frames again.
    if track is None or track.leaving is not None or not track.waits_for_sinks:
        return UNKNOWN_OFFSET
    past = _past_ledger(hub, track, kept) if has_results or track.session.number == 1 else None
    if past is None or not _are_counted(track.plan.config):
        return UNKNOWN_OFFSET
    # Nothing but poison drops a frame of theirs, and that one is drawn all the same.
    return past.captured + track.ledger.captured


def _past_ledger(hub: Hub, track: SourceTrack, kept: KeptSources | None) -> Ledger | None:
    """Of the sessions before this one; None if one of them may have drawn another number."""
    before = track.session.number - 1
    if not before:
        return Ledger()
    past = hub.sources.past.get(track.name)
    sessions = [] if kept is None else kept.sessions
    over = [each for each in sessions if each.name == track.name and each.number <= before]
    if past is None or past.next.number != before + 1 or len(over) != before:
        return None
    return past.ledger if all(map(_were_counted, over)) else None


def _were_counted(session: KeptSession) -> bool:
    try:
        config = read_source(session.name, session.source)
        # A reader of the user's own may be another one by now.
        return config.reader is None and _are_counted(config)
    except UserError:  # a variable that it names is gone, say
        return False


def _are_counted(config: SourceConfig) -> bool:
    """Each of its frames is drawn, has a line, and comes again if it has none yet.

    Raises:
        UserError: The source cannot be right.
    """
    traits = traits_of(config)
    may_find_nothing = isinstance(config.regions, CustomRegions)
    waits = traits.on_full == "block" and not traits.live and config.max_age is None
    return waits and not may_find_nothing
