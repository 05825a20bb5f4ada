"""What a stored configuration may hand to a library's constructor: plain data, nothing fetched."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any

_FETCHES = ("pretrained", "checkpoint", "weights", "cache", "file", "url", "hub")


def require_plain(options: Mapping[str, Any]) -> None:
    """Refuse options that make a library read files or download.

    Raises:
        ValueError: there is one.
    """
    for name in options:
        if any(word in name for word in _FETCHES):
            raise ValueError(f"options: {name!r} is not taken: it would fetch weights")


def require_known(backbone: str, known: Collection[str], library: str) -> None:
    """Refuse a backbone that the library does not have under exactly this name.

    Raises:
        ValueError: it has none.
    """
    if backbone not in known:
        close = difflib.get_close_matches(backbone, known, n=3, cutoff=0)
        raise ValueError(
            f"backbone: expected a model of {library}, got {backbone!r}; nearest: "
            f"{', '.join(close)}"
        )
