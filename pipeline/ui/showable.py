"""Output that shows what its encoding can, and never fails for the rest."""

import io
from typing import IO, Final

_PROBE: Final = "\u2713\udce9"
"""A tick of ours, and half a character: a byte of a file's name that is no UTF-8."""


def show_what_can_be(stream: IO[str]) -> None:
    """Write `?` for what the encoding lacks, where writing it would be an error.

    The language of a terminal, a log or a service may be plain ASCII.
    """
    if not isinstance(stream, io.TextIOWrapper):
        return  # one that a test or a program has put there
    try:
        _PROBE.encode(stream.encoding, stream.errors or "strict")
    except UnicodeEncodeError:
        stream.reconfigure(errors="replace")
