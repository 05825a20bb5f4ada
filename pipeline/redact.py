"""Keeps credentials in URIs out of logs, metrics and results.

A log line may quote what anybody said, so each step takes time in proportion to the text: patterns
begin at a mark that they cannot pass again, and repetitions are possessive.
"""

import re
from collections.abc import Callable
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
_WORDS: Final = "token|passw|pwd|psw|secret|key|auth|sig|credential|session|loginuse|loginpas"
_NAMES: Final = "user|usr|username|pass|pas|pw|login"
"""Of secret parameters: those of the first line hold it, those of the second are it."""
_IN_QUERY: Final = re.compile(
    rf"(?P<name>[?&;#](?=[\w.-]*?(?:{_WORDS})|(?:{_NAMES})=)[\w.-]++=)[^&;#]*+", re.IGNORECASE
)
# Cameras take them in a path, too: /user=admin_password=secret_channel=1
_IN_PATH: Final = re.compile(
    rf"(?P<name>[/_](?=[a-z0-9.-]*?(?:{_WORDS})|(?:{_NAMES})=)[a-z0-9.-]++=)"
    r"(?:(?!_[a-z0-9.-]++=)[^&;#])*+",
    re.IGNORECASE,
)
_HOST: Final = re.compile(r"(?<=[a-z0-9+.-])(?<!file)(?<!images)://(?!/)", re.IGNORECASE)
"""Before one; folders on this host may well be called `session=3`."""
_VARIABLES: Final = re.compile(r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*+\})++")

IsOpen = Callable[[str], bool]
"""Whether a secret is none, so that it may stay."""


def redact(uri: str) -> str:
    """Replace user, password and secret parameters, in a query or a path, by `***`.

    Works on any text that holds URIs, so whole log lines may pass through it.
    """
    return _redacted(uri, lambda _secret: False)


def redact_literals(text: str) -> str:
    """The same, but what stands for a secret, `${NAME}`, stays."""
    return _redacted(text, lambda secret: _VARIABLES.fullmatch(secret) is not None)


def _redacted(text: str, is_open: IsOpen) -> str:
    return _WORD.sub(lambda match: _redact_word(match[0], is_open), text)


def _redact_word(word: str, is_open: IsOpen) -> str:
    def hide(match: re.Match[str]) -> str:
        name = match["name"]
        return match[0] if is_open(match[0][len(name) :]) else f"{name}{HIDDEN}"

    if "@" in word:
        word = _without_user(word, is_open)
    if "=" in word:
        word = _IN_QUERY.sub(hide, word)
        host = _HOST.search(word)
        if host is not None:
            word = word[: host.end()] + _IN_PATH.sub(hide, word[host.end() :])
    return word


def _without_user(word: str, is_open: IsOpen) -> str:
    stays = False

    def hide(match: re.Match[str]) -> str:
        nonlocal stays
        user, colon, password = match[0][len("://") : -len("@")].partition(":")
        stays = is_open(password if colon else user)
        return match[0] if stays else f"://{HIDDEN}@"

    word = _USER_INFO.sub(hide, word)
    return word if stays else _without_password(word)


def _without_password(word: str) -> str:
    end = word.rfind("@")
    begin = _BEFORE_PASSWORD.search(word, 0, end)
    if begin is None:
        return word
    return f"{word[: begin.start()]}://{HIDDEN}{word[end:]}"
