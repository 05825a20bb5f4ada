"""Mutated messages at the decoders: refused, or of the schema and finite."""

import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

import msgpack
import msgspec

from fuzzing.mutation import case, damaged, odd_tree
from fuzzing.report import Report
from pipeline import messages as m
from pipeline.errors import PeerError
from pipeline.snapshot import Snapshot
from pipeline.transport import decode_snapshot


def mutated(body: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """A message damaged as bytes or as values."""
    if rng.random() < 0.5:
        return damaged(body, rng, others)
    try:
        tree = odd_tree(msgpack.unpackb(body, raw=False, strict_map_key=False), rng)
        packed: bytes = msgpack.packb(tree)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return damaged(body, rng, others)
    return packed


def fuzz_decoder(name: str, recorded: Sequence[bytes], cases: Iterable[int], seed: int) -> Report:
    """Mutate recorded messages and decode them.

    Args:
        name: `from child`, `from hub` or `snapshot`.
        recorded: sound messages of that kind.
        cases: numbers.
        seed: of all.
    """
    decode, kinds = _DECODERS[name]
    report = Report(name, seed)
    for number in cases:
        rng = case(seed, number)
        body = mutated(rng.choice(recorded), rng, recorded)
        report.cases += 1
        begin_s = time.monotonic()
        try:
            message = decode(body)
        except PeerError:
            report.outcomes["refused"] += 1
        except Exception as error:  # noqa: BLE001  # it is what is sought
            report.failed(number, f"{type(error).__name__}: {error}", body)
        else:
            report.outcomes["accepted"] += 1
            wrong = what_is_wrong(message, kinds)
            if wrong:
                report.failed(number, wrong, body)
        report.timed(number, time.monotonic() - begin_s, body)
    return report


def what_is_wrong(message: Any, kinds: tuple[type, ...]) -> str:
    """Why an accepted message should not have been; empty if it is sound."""
    if not isinstance(message, kinds):
        return f"accepted a {type(message).__name__}"
    sent = msgspec.msgpack.encode(message)
    try:
        again = msgspec.msgpack.decode(sent, type=type(message))
    except msgspec.ValidationError as error:
        return f"accepted what its schema refuses: {error}"
    if msgspec.msgpack.encode(again) != sent:
        return "is another message after a journey"
    if not isinstance(message, m.Hello | m.PolicyBody | m.Records) and not is_finite(
        msgspec.to_builtins(message)
    ):
        return "accepted a number that is not finite"
    return ""


def is_finite(node: Any) -> bool:
    """Whether all numbers are."""
    if isinstance(node, dict):
        return all(map(is_finite, node.values()))
    if isinstance(node, list | tuple):
        return all(map(is_finite, node))
    return not isinstance(node, float) or math.isfinite(node)


_DECODERS: dict[str, tuple[Callable[[bytes], Any], tuple[type, ...]]] = {
    "from child": (m.decode_from_child, get_args(m.ChildMessage)),
    "from hub": (m.decode_from_hub, get_args(m.HubMessage)),
    "snapshot": (decode_snapshot, (Snapshot,)),
}
