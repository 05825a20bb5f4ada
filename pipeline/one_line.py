"""What another process says, as one line that a log and a terminal can take."""

from typing import Final

MAX_CHARACTERS: Final = 500


def one_line(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Cut to `limit` characters; line ends, escapes and other controls become spaces."""
    cut = text if len(text) <= limit else f"{text[: limit - 3]}..."
    return "".join(letter if letter.isprintable() else " " for letter in cut)
