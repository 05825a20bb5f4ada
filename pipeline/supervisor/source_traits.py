"""How a source behaves, as far as the run needs to know before its reader has come."""

from dataclasses import dataclass

from pipeline.config import OnFull, SourceConfig
from pipeline.readers import open_reader
from pipeline.remote_address import is_remote


@dataclass(frozen=True, slots=True)
class SourceTraits:
    """A camera's, or a file's.

    Attributes:
        live: it goes on while nobody reads.
        on_full: what happens to frames that the pipeline cannot take yet.
        can_wait: its frames may come late.
    """

    live: bool
    on_full: OnFull
    can_wait: bool


def traits_of(source: SourceConfig) -> SourceTraits:
    """A remote source is taken for a camera: what it is is known on its host.

    Raises:
        UserError: the source cannot be right.
    """
    if is_remote(source):
        return SourceTraits(live=True, on_full=source.on_full or "latest", can_wait=False)
    reader = open_reader(source)
    return SourceTraits(reader.live, reader.on_full, reader.can_wait)
