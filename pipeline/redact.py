"""Keeps credentials in URIs out of logs, metrics and results.

A log line may quote what anybody said, so each step takes time in proportion to the text: patterns
begin at a mark that they cannot pass again, and repetitions are possessive.
"""

import re
from typing import Final

HIDDEN: Final = "***"

_WORD: Final = re.compile(r"\S++")
# Greedy up to the last @ before the path: a password may itself hold an unescaped @.
_USER_INFO: Final = re.compile(r"(?<=[a-z0-9+.-])://[^/?#]*@", re.IGNORECASE)
# A password with an unescaped / ? or #: FFmpeg refuses it, but a message would show it. A port
# (host:8080/) is no password.
_BEFORE_PASSWORD: Final = re.compile(
    r"(?<=[a-z0-9+.-])://[^/?#:@]++:(?![0-9]++(?:/|\Z))", re.IGNORECASE
)
_SECRET_PARAMETER: Final = re.compile(
    r"(?P<name>[?&;#](?=[\w.-]*?(?:token|passw|pwd|secret|key|auth|sig|credential|session))"
    r"[\w.-]++=)[^&;#]*+",
    re.IGNORECASE,
)
_SHORT_PARAMETER: Final = re.compile(
    r"(?P<name>[?&;](?:user|usr|pass|login)=)[^&;#]*+", re.IGNORECASE
)


def redact(uri: str) -> str:
    """Replace user, password and secret query parameters by `***`.

    Works on any text that holds URIs, so whole log lines may pass through it.
    """
    return _WORD.sub(_redact_word, uri)


def _redact_word(match: re.Match[str]) -> str:
    word = match[0]
    if "@" in word:
        word = _without_password(_USER_INFO.sub(f"://{HIDDEN}@", word))
    word = _SECRET_PARAMETER.sub(rf"\g<name>{HIDDEN}", word)
    return _SHORT_PARAMETER.sub(rf"\g<name>{HIDDEN}", word)


def _without_password(word: str) -> str:
    end = word.rfind("@")
    begin = _BEFORE_PASSWORD.search(word, 0, end)
    if begin is None:
        return word
    return f"{word[: begin.start()]}://{HIDDEN}{word[end:]}"
