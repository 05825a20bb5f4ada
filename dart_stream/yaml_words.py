"""YAML as people write it today: recipes and configurations are read by the same rules."""

import re
from typing import Any, Final

import yaml

MAX_BYTES: Final = 1 << 20
_MAX_NODES: Final = 100_000
_MAX_DEPTH: Final = 40
_MAX_FLOW_DEPTH: Final = 200
_MERGE: Final = "tag:yaml.org,2002:merge"
_BRACKETS: Final = re.compile(r"[\[\]{}]")


class Loader(yaml.SafeLoader):
    """Words of YAML 1.2: `off` stays a string, and `1e-3` is a number as it is in JSON.

    A key that stands twice is refused, where the library lets the last one win.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping, each key once."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == _MERGE or not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|false|True|False)$"), list("tTfF")
)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_words(text: str) -> Any:
    """Plain values out of YAML that people write: small, flat, and without cycles.

    Raises:
        yaml.YAMLError: anything else. The library itself lets dates, numbers and nesting that
            cannot be pass as errors of other kinds, and aliases as structures without end.
    """
    if len(text) > MAX_BYTES:
        raise yaml.YAMLError(f"expected at most {MAX_BYTES} characters, got {len(text)}")
    if _flow_depth(text) > _MAX_FLOW_DEPTH:  # the library takes its time to find out
        raise yaml.YAMLError(f"expected brackets at most {_MAX_FLOW_DEPTH} deep")
    try:
        plain = yaml.load(text, Loader=Loader)  # noqa: S506  # derives from SafeLoader
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise yaml.YAMLError(f"{type(error).__name__}: {error}") from error
    _count(plain, 0, 0)
    return plain


def _flow_depth(text: str) -> int:
    """How deep brackets are nested, those in texts and comments counted, too."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _count(node: Any, seen: int, depth: int) -> int:
    """Nodes so far, each alias counted as often as it stands for something."""
    if depth > _MAX_DEPTH or seen > _MAX_NODES:
        raise yaml.YAMLError(
            f"expected at most {_MAX_NODES} values, {_MAX_DEPTH} deep, got more (through aliases?)"
        )
    children: Any = ()
    if isinstance(node, dict):
        children = node.values()
    elif isinstance(node, list | tuple | set):
        children = node
    for child in children:
        seen = _count(child, seen, depth + 1)
    return seen + 1
