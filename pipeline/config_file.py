"""From YAML, environment and command line to one checked `PipelineConfig`.

Precedence: command line > environment (`DART_SECTION__KEY`) > file > default.
"""

import copy
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from dart_stream.yaml_words import MAX_BYTES, read_words
from pipeline.config import PipelineConfig, SourceConfig
from pipeline.errors import ConfigError
from pipeline.redact import redact
from pipeline.schema_check import refuse_odd_values, refuse_unknown_keys, require_unicode

ENV_PREFIX = "DART_"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAMED_SOURCE = re.compile(r"^([A-Za-z0-9][A-Za-z0-9_.-]*)=(.+)$")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""Sockets and files are named after a source, and neither takes a name of any length."""
_LONGEST_STEM = 80
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration, and its plain form before secrets were filled in."""

    config: PipelineConfig
    plain: dict[str, Any]


def load_config(
    path: Path | None = None,
    *,
    base: Mapping[str, Any] | None = None,
    sources: Iterable[str] = (),
    overrides: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
    with_overrides: bool = True,
) -> LoadedConfig:
    """Read, merge and check a configuration.

    Args:
        path: YAML file, or None for `base`.
        base: Plain tree in the place of a file's; it is copied. None takes the defaults.
        sources: `[NAME=]URI`, added to (or replacing) the file's sources.
        overrides: `a.b=value`, the value read as YAML.
        environment: Of `DART_SECTION__KEY` and `${NAME}`; the process's own by default.
        with_overrides: False takes only `${NAME}` from the environment.

    Raises:
        ConfigError: One line that names the key, what was expected and what came.
    """
    environment = os.environ if environment is None else environment
    plain = _read_yaml(path) if path is not None else copy.deepcopy(dict(base or {}))
    sources, overrides = list(sources), list(overrides)
    if with_overrides:
        _add_environment(plain, environment, _with_names(plain, sources, overrides))
    _add_sources(plain, sources)
    plain = with_settings(plain, overrides, where="--set")
    return LoadedConfig(check_config(_fill_secrets(plain, environment, "")), plain)


def check_config(plain: dict[str, Any]) -> PipelineConfig:
    """Turn a plain tree into a `PipelineConfig`.

    Raises:
        ConfigError: As for `load_config`.
    """
    refuse_odd_values(plain)
    refuse_unknown_keys(plain, PipelineConfig)
    sources = plain.get("sources")
    if not isinstance(sources, dict) or not sources:
        raise ConfigError("sources: expected at least one, got none; give --source URI or a file")
    for name, body in sources.items():
        _check_source(name, body)
    config: PipelineConfig = _convert(plain, PipelineConfig, "")
    return config


def read_source(
    name: str, body: Any, *, environment: Mapping[str, str] | None = None, fill: bool = True
) -> SourceConfig:
    """Check one source by the rules of a whole configuration.

    Args:
        name: Of the source.
        body: Its plain tree; is left as it is.
        environment: Of `${NAME}`; the process's own by default.
        fill: False leaves `${NAME}` as it stands.

    Raises:
        ConfigError: As for `load_config`.
    """
    environment = os.environ if environment is None else environment
    own = copy.deepcopy(body)
    filled = _fill_secrets(own, environment, f"sources.{name}") if fill else own
    plain = {"sources": {name: filled}}
    refuse_odd_values(plain)
    refuse_unknown_keys(plain, PipelineConfig)
    return _check_source(name, plain["sources"][name])


def with_settings(
    body: Mapping[str, Any], settings: Iterable[str], *, where: str
) -> dict[str, Any]:
    """A plain tree with settings laid over it.

    Args:
        body: Is left as it is.
        settings: `a.b=value`, the value read as YAML.
        where: What gave them, for errors.

    Raises:
        ConfigError: One is no setting.
    """
    plain = copy.deepcopy(dict(body))
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator:
            raise ConfigError(f"{where}: expected KEY=VALUE, got {setting!r}")
        _set(plain, key.strip(), text)
    return plain


def _check_source(name: str, body: Any) -> SourceConfig:
    if not _NAME.fullmatch(str(name)):
        raise ConfigError(
            f"sources: expected a name of letters, digits, . _ -, at most 100, got {name!r}"
        )
    if isinstance(body, dict) and type(body.get("uri")) is int:
        body["uri"] = str(body["uri"])  # a webcam's number
    source: SourceConfig = _convert(body, SourceConfig, f"sources.{name}")
    return source


def _convert(plain: Any, kind: Any, where: str) -> Any:
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        match = _AT.match(str(error))
        what, inside = (match["what"], match["path"] or "") if match else (str(error), "")
        path = (where + inside).lstrip(".") or "configuration"
        raise ConfigError(f"{path}: {what[:1].lower()}{what[1:]}") from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_BYTES + 1)  # one too many is refused
    except FileNotFoundError:
        raise ConfigError(f"{path}: expected a configuration file, found none") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    try:
        plain = read_words(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if plain is None:
        return {}
    if not isinstance(plain, dict):
        raise ConfigError(f"{path}: expected keys and values, got {type(plain).__name__}")
    return plain


def _with_names(plain: dict[str, Any], sources: list[str], overrides: list[str]) -> dict[str, Any]:
    """The tree with what the command line names, too, which is laid over it only later."""
    named = copy.deepcopy(plain)
    try:
        _add_sources(named, sources)
        return with_settings(named, overrides, where="--set")
    except ConfigError:
        return {}  # what is still wrong in the end is said then


def _add_environment(
    plain: dict[str, Any], environment: Mapping[str, str], named: dict[str, Any]
) -> None:
    """Lay `DART_SECTION__KEY` over a tree; `named` has names that come later."""
    for name, text in sorted(environment.items()):
        if name.startswith(ENV_PREFIX) and "__" in name:
            parts = name.removeprefix(ENV_PREFIX).split("__")
            _set(plain, _spelled(parts, [plain, named]), text)


def _spelled(parts: list[str], trees: list[dict[str, Any]]) -> str:
    """The key that is meant: variables are in capitals by custom, and names may hold some.

    A name that there is in another case alone is taken. A new one is taken as it stands, or in
    small letters if it is all in capitals.
    """
    path: list[str] = []
    for part in parts:
        alike = {str(key) for tree in trees for key in tree if str(key).lower() == part.lower()}
        is_own = len(alike) > 1 or (_has_names(path) and not part.isupper())
        new = part if is_own else part.lower()
        spelled = alike.pop() if len(alike) == 1 else new
        path.append(spelled)
        trees = [inner for tree in trees if isinstance(inner := tree.get(spelled), dict)]
    return ".".join(path)


def _has_names(path: list[str]) -> bool:
    """Whether what follows is called as the user likes: a source, or a zone of one."""
    return path == ["sources"] or (path[:1] == ["sources"] and path[2:] == ["regions", "zones"])


def _set(plain: dict[str, Any], key: str, text: str) -> None:
    require_unicode(text, where=key)
    try:
        value = read_words(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{key}: value is not YAML: {text!r}") from error
    *parents, last = key.split(".")
    node = plain
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{key}: {parent!r} is a value, not a section")
    node[last] = value


def _add_sources(plain: dict[str, Any], sources: Iterable[str]) -> None:
    known = plain.setdefault("sources", {})
    if not isinstance(known, dict):
        raise ConfigError(f"sources: expected names and settings, got {type(known).__name__}")
    given: set[str] = set()
    for text in sources:
        match = _NAMED_SOURCE.match(text)
        name, uri = (match[1], match[2]) if match else (_name_for(text, known), text)
        if name in given:
            raise ConfigError(f"source {name!r} is given twice; give each a name of its own")
        given.add(name)
        body = known.get(name)
        known[name] = {**(body if isinstance(body, dict) else {}), "uri": uri}


def _name_for(uri: str, taken: Mapping[str, Any]) -> str:
    """A readable name from a URI: the file's stem, or the scheme and number."""
    tail = re.sub(r"[?#].*$", "", redact(uri)).rstrip("/").rsplit("/", 1)[-1].rsplit("@", 1)[-1]
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", tail.rsplit(".", 1)[0] if "." in tail else tail)
    base = stem[:_LONGEST_STEM].strip("-_") or "source"
    if base.isdigit():
        base = f"cam{base}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def _fill_secrets(node: Any, environment: Mapping[str, str], path: str) -> Any:
    if isinstance(node, dict):
        return {
            key: _fill_secrets(value, environment, f"{path}.{key}") for key, value in node.items()
        }
    if isinstance(node, list):
        return [_fill_secrets(value, environment, f"{path}[{i}]") for i, value in enumerate(node)]
    if not isinstance(node, str):
        return node

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ConfigError(f"{path.lstrip('.')}: environment variable {match[1]} is not set")
        return environment[match[1]]

    return _VARIABLE.sub(value_of, node)
