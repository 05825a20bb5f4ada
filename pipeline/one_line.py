"""What others say or call their files, as one line that a log and a terminal can take."""

from typing import Final

MAX_CHARACTERS: Final = 500


def one_line(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Cut to `limit` characters; line ends, escapes and other controls become spaces."""
    cut = text if len(text) <= limit else f"{text[: limit - 3]}..."
    return "".join(letter if letter.isprintable() else " " for letter in cut)


def visible(text: str) -> str:
    r"""The text with controls, and whatever else cannot be shown, as escapes (`\x1b`).

    Unlike `one_line`, it keeps everything: a name in an error can still be told from others.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
