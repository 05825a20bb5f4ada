"""Damages bytes and values, the same way for the same seed."""

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 255, 256, 65_536, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)),
    *(2**64 - 1, 0.5, -0.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
    *("", "\x00", "\x1b[2J", "../../etc/passwd", "${HOME}", "é" * 1_000, "x" * 70_000),
    *([], {}, [[]], {"a": {}}, [0] * 1_000, {"": None}),
)
"""Values that programs trip over; integers fit 64 bits, so that every format can hold them."""
_MANY: Final = 200
"""Nodes of a tree that may be hit."""


def case(seed: int, number: int) -> random.Random:
    """The chance of one case alone, so that it can be repeated without those before it."""
    return random.Random(f"{seed}:{number}")


def damaged(body: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """Bytes with one to four damages.

    Args:
        body: what is damaged.
        rng: chance.
        others: pieces of these may be spliced in.
    """
    for _ in range(rng.randint(1, 4)):
        body = rng.choice(_DAMAGES)(body, rng, rng.choice(others) if others else body)
    return body


def odd_tree(tree: Any, rng: random.Random) -> Any:
    """A tree of lists and dicts with one to three nodes replaced, moved, repeated or left out."""
    for _ in range(rng.randint(1, 3)):
        tree = _one_change(tree, rng)
    return tree


def nested(depth: int) -> Any:
    """A list in a list in a list ..."""
    tree: Any = None
    for _ in range(depth):
        tree = [tree]
    return tree


def _one_change(tree: Any, rng: random.Random) -> Any:
    places = list(_places(tree))[:_MANY]
    if not places:
        return rng.choice(ODD)
    path = rng.choice(places)
    kind = rng.randrange(5)
    if kind == 0:
        return _with(tree, path, lambda _: rng.choice(ODD))
    if kind == 1:
        return _with(tree, path, lambda node: _bent(node, rng))
    if kind == 2:
        other = _at(tree, rng.choice(places))
        return _with(tree, path, lambda _: other)
    if kind == 3:
        return _with(tree, path, lambda _: nested(rng.choice((3, 60, 400))))
    return _without(tree, path)


def _bent(node: Any, rng: random.Random) -> Any:
    """Like it, but not it."""
    match node:
        case bool():
            bent: Any = not node
        case int():
            bent = max(-(2**63), min(node + rng.choice((-1, 1, 7, 1_000, 2**40)), 2**63))
        case float():
            bent = rng.choice((node * -1, node + 1, node * 1e6, int(min(abs(node), 1e15))))
        case str():
            bent = rng.choice((node + "x", node[:-1], node.upper(), node * 50, f"{node}\n{node}"))
        case list():
            bent = rng.choice((node + node, node[:-1], node[::-1], node * 20))
        case dict():
            bent = {**node, rng.choice(("x", "", "class", "kind")): rng.choice(ODD)}
        case _:
            bent = rng.choice(ODD)
    return bent


Path = tuple[Any, ...]


def _places(tree: Any, path: Path = ()) -> Any:
    """Ways to all nodes."""
    children: Any = ()
    if isinstance(tree, dict):
        children = tree.items()
    elif isinstance(tree, list):
        children = enumerate(tree[:40])
    for key, child in children:
        yield (*path, key)
        if len(path) < 12:
            yield from _places(child, (*path, key))


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _with(tree: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """A copy with one node changed."""
    if not path:
        return change(tree)
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = _with(tree[path[0]], path[1:], change)
    return copy


def _without(tree: Any, path: Path) -> Any:
    parent, last = path[:-1], path[-1]

    def left_out(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: value for key, value in node.items() if key != last}
        return [value for number, value in enumerate(node) if number != last]

    return _with(tree, parent, left_out)


def _flip(body: bytes, rng: random.Random, _other: bytes) -> bytes:
    if not body:
        return b"\x00"
    hurt = bytearray(body)
    for _ in range(rng.choice((1, 1, 2, 8))):
        hurt[rng.randrange(len(hurt))] ^= 1 << rng.randrange(8)
    return bytes(hurt)


def _overwrite(body: bytes, rng: random.Random, _other: bytes) -> bytes:
    """Also lengths, whose bytes are among the first."""
    if not body:
        return b"\xff"
    at = rng.randrange(min(len(body), 64)) if rng.random() < 0.5 else rng.randrange(len(body))
    piece = rng.choice((b"\xff" * 4, b"\x00" * 4, b"\x7f\xff\xff\xff", b"\xdd\xff\xff\xff\xff"))
    return body[:at] + piece + body[at + len(piece) :]


def _cut(body: bytes, rng: random.Random, _other: bytes) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


def _lose(body: bytes, rng: random.Random, _other: bytes) -> bytes:
    at = rng.randrange(len(body) + 1)
    return body[:at] + body[at + rng.randint(1, 16) :]


def _splice(body: bytes, rng: random.Random, other: bytes) -> bytes:
    begin = rng.randrange(len(other) + 1)
    piece = other[begin : begin + rng.choice((1, 4, 64, 1_000))]
    at = rng.randrange(len(body) + 1)
    return body[:at] + piece + body[at:]


def _repeat(body: bytes, rng: random.Random, _other: bytes) -> bytes:
    at = rng.randrange(len(body) + 1)
    piece = body[at : at + rng.randint(1, 32)]
    return body[:at] + piece * rng.choice((2, 10, 300)) + body[at:]


def _nest(body: bytes, rng: random.Random, _other: bytes) -> bytes:
    """Deep nesting in MessagePack, JSON and YAML."""
    at = rng.randrange(len(body) + 1)
    return body[:at] + rng.choice((b"\x91", b"[", b"\x81\xa1a", b'{"a":')) * 5_000 + body[at:]


_DAMAGES: Final = (_flip, _flip, _overwrite, _overwrite, _cut, _lose, _splice, _repeat, _nest)
