"""Records name a source by a number; some of them say which name that is."""

from typing import Any, Final

_WHERE: Final = {"segment": "sources", "sources": "names"}


def source_names(record: dict[str, Any]) -> list[str] | None:
    """The names of the sources by number from this record on; None if it does not say.

    A segment begins with all that there were by then, and a source that comes makes another record.
    A part of a run that was resumed has numbers of its own.
    """
    names = record.get(_WHERE.get(record["kind"], ""))
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    return None
