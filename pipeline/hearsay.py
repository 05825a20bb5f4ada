"""What a reader says of itself, fit for logs, terminals and results."""

from typing import Final

from pipeline.one_line import MAX_CHARACTERS, one_line
from pipeline.redact import redact

MAX_HEARD: Final = 64 << 10
"""Characters that are looked at: whatever a message may hold, the hub has one thread."""


def hearsay(text: str, limit: int = MAX_CHARACTERS) -> str:
    """One line of at most `limit` characters without credentials.

    Of a text that is longer than `MAX_HEARD`, the word in which it is cut is left out: it may be
    half of a URI, whose password nobody would recognise.
    """
    if len(text) > MAX_HEARD:
        text = text[:MAX_HEARD].rpartition(" ")[0] + " ..."
    return one_line(redact(text), limit)
