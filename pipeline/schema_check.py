"""Refuses unknown configuration keys by name, with the nearest known key, and odd values.

msgspec refuses them too, but its error names neither the key of a map nor a likely meaning.
"""

import difflib
import math
from typing import Any

from msgspec import inspect

from pipeline.errors import ConfigError
from pipeline.redact import redact


def refuse_unknown_keys(plain: Any, kind: type) -> None:
    """Walk a plain tree beside its type.

    Raises:
        ConfigError: At the first key that the type does not know.
    """
    _walk(plain, inspect.type_info(kind), "")


def refuse_odd_values(plain: Any, path: str = "") -> None:
    """Times, rates and sizes are finite, and texts are Unicode.

    Raises:
        ConfigError: At the first value that is infinite or not a number, or a text that no message
            and no file of a run can hold.
    """
    if isinstance(plain, dict):
        for key, value in plain.items():
            refuse_odd_values(key, path)
            refuse_odd_values(value, _join(path, key))
    elif isinstance(plain, list):
        for number, value in enumerate(plain):
            refuse_odd_values(value, f"{path}[{number}]")
    elif isinstance(plain, float) and not math.isfinite(plain):
        raise ConfigError(f"{path}: expected a finite number, got {plain}")
    elif isinstance(plain, str):
        require_unicode(plain, where=path or "configuration")


def require_unicode(text: str, *, where: str) -> None:
    """Refuse the name of a file that is not UTF-8: Python hands its bytes on as half characters.

    Args:
        text: As the command line, the environment or a file gave it.
        where: The key or flag that it came from.

    Raises:
        ConfigError: It is no text.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{where}: expected UTF-8, got {redact(text)!r}; rename the file or folder"
        ) from error


def _walk(plain: Any, kind: inspect.Type, path: str) -> None:
    if isinstance(kind, inspect.StructType) and isinstance(plain, dict):
        _walk_struct(plain, kind, path)
    elif isinstance(kind, inspect.DictType) and isinstance(plain, dict):
        for key, value in plain.items():
            _walk(value, kind.value_type, _join(path, key))
    elif isinstance(kind, inspect.ListType) and isinstance(plain, list):
        for number, value in enumerate(plain):
            _walk(value, kind.item_type, f"{path}[{number}]")
    elif isinstance(kind, inspect.UnionType):
        chosen = _choose(plain, kind)
        if chosen is not None:
            _walk(plain, chosen, path)


def _walk_struct(plain: dict[str, Any], kind: inspect.StructType, path: str) -> None:
    known = {field.encode_name: field.type for field in kind.fields}
    if kind.tag_field is not None:
        known[kind.tag_field] = inspect.StrType()
    for key, value in plain.items():
        if key not in known:
            raise ConfigError(f"{_join(path, key)}: unknown key{_nearest(str(key), list(known))}")
        _walk(value, known[key], _join(path, key))


def _choose(plain: Any, kind: inspect.UnionType) -> inspect.Type | None:
    structs = [option for option in kind.types if isinstance(option, inspect.StructType)]
    if not isinstance(plain, dict) or not structs:
        return None
    for option in structs:
        if option.tag_field is not None and plain.get(option.tag_field) == option.tag:
            return option
    return structs[0] if structs[0].tag_field is None else None


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(sorted(known))}"


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
