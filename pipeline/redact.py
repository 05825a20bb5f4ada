"""Keeps credentials in URIs out of logs, metrics and results."""

import re
from typing import Final

HIDDEN: Final = "***"

# Greedy up to the last @ before the path: a password may itself hold an unescaped @.
_USER_INFO: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/?#\s]*@", re.IGNORECASE)
# A password with an unescaped / ? or #: FFmpeg refuses it, but a message would show it. A port
# (host:8080/) is no password.
_ODD_PASSWORD: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/?#\s:@]+:(?![0-9]+(?:/|$))\S*@", re.IGNORECASE
)
_SECRET_PARAMETER: Final = re.compile(
    r"(?P<name>[?&;#][\w.-]*(?:token|passw|pwd|secret|key|auth|sig|credential|session)[\w.-]*=)[^&;#\s]*",
    re.IGNORECASE,
)
_SHORT_PARAMETER: Final = re.compile(
    r"(?P<name>[?&;](?:user|usr|pass|login)=)[^&;#\s]*", re.IGNORECASE
)


def redact(uri: str) -> str:
    """Replace user, password and secret query parameters by `***`.

    Works on any text that holds URIs, so whole log lines may pass through it.
    """
    text = _USER_INFO.sub(rf"\g<scheme>{HIDDEN}@", uri)
    text = _ODD_PASSWORD.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _SECRET_PARAMETER.sub(rf"\g<name>{HIDDEN}", text)
    return _SHORT_PARAMETER.sub(rf"\g<name>{HIDDEN}", text)
