"""Paths that are typed in one folder and opened by a run in another."""

import re
from pathlib import Path
from typing import Final

import yaml

from dart_stream.yaml_words import read_words

_RELATIVE: Final = re.compile(
    r"(?P<scheme>images://|file://(?!localhost/)|(?![0-9]+$)(?![A-Za-z][A-Za-z0-9+.-]*:))"
    r"(?P<path>[^/~$\s].*)"
)


def absolute_uri(value: str) -> str:
    """A setting's value, its relative path put behind the folder that it is typed in.

    Args:
        value: YAML, as it was typed; what is no relative path is left as it is.

    Returns:
        YAML: quoted, because a folder's name may hold what YAML takes for its own.
    """
    try:
        uri = read_words(value)
    except yaml.YAMLError:
        return value  # whoever reads it says what is wrong
    match = _RELATIVE.fullmatch(uri) if isinstance(uri, str) else None
    if match is None:
        return value
    scheme, folder = match["scheme"], str(Path.cwd())
    if scheme:
        folder = folder.replace("%", "%25")  # as in a URI
    return _quoted(f"{scheme}{folder.rstrip('/')}/{match['path'].removeprefix('./')}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
