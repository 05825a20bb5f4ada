"""Damaged files: each is refused with an error of the project, in one line, or read correctly."""

import json
import random
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import yaml

from dart_stream.errors import DartStreamError
from fuzzing.mutation import case, damaged, odd_tree
from fuzzing.report import Report
from pipeline.errors import UserError

Odd = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True, slots=True)
class FileTarget:
    """One kind of file.

    Attributes:
        name: for the report.
        sound: contents as the product writes them.
        path: where the damaged one is written.
        read: what the product does with the file there; returns after reading.
        odd: damage that knows the format; bytes are damaged in any case.
    """

    name: str
    sound: tuple[bytes, ...]
    path: Path
    read: Callable[[], Any]
    odd: Odd | None = None


def odd_json(body: bytes, rng: random.Random) -> bytes:
    """JSON with odd values; NaN and infinity as Python writes them."""
    return json.dumps(odd_tree(json.loads(body), rng)).encode()


def odd_lines(body: bytes, rng: random.Random) -> bytes:
    """One line of JSON with odd values among the sound ones."""
    lines = body.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    lines[at] = odd_json(lines[at], rng) + b"\n"
    return b"".join(lines)


def odd_yaml(body: bytes, rng: random.Random) -> bytes:
    """YAML with odd values."""
    return yaml.safe_dump(odd_tree(yaml.safe_load(body), rng), allow_unicode=True).encode()


def odd_msgpack(body: bytes, rng: random.Random) -> bytes:
    """MessagePack records, one of them with odd values."""
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
    unpacker.feed(body)
    records = list(unpacker)
    at = rng.randrange(len(records))
    records[at] = odd_tree(records[at], rng)
    return b"".join(map(_packed, records))


def odd_state(body: bytes, rng: random.Random) -> bytes:
    """An adapter's state with odd values under a checksum that fits them."""
    state = msgpack.unpackb(body, raw=False, strict_map_key=False)
    inner = state["controller"]
    inner["memory"] = odd_tree(inner["memory"], rng)
    inner["checksum"] = zlib.crc32(msgspec.json.encode(inner["memory"], order="deterministic"))
    return _packed(state)


def odd_safetensors(body: bytes, rng: random.Random) -> bytes:
    """A header with odd shapes, types and offsets; a size of 10^12 among them."""
    length = int.from_bytes(body[:8], "little")
    header = odd_tree(json.loads(body[8 : 8 + length]), rng)
    if rng.random() < 0.2 and isinstance(header, dict) and header:
        name = rng.choice(sorted(header))
        if isinstance(header[name], dict):
            header[name] = {**header[name], "shape": [10**6, 10**6]}
    text = json.dumps(header).encode()
    claimed = len(text) if rng.random() < 0.9 else rng.choice((0, 10**12, 2**63, len(body)))
    return claimed.to_bytes(8, "little") + text + body[8 + length :]


def fuzz_file(target: FileTarget, cases: Iterable[int], seed: int) -> Report:
    """Damage, read, and see what comes."""
    report = Report(target.name, seed)
    for number in cases:
        rng = case(seed, number)
        sound = rng.choice(target.sound)
        body = _damage(target, sound, rng)
        target.path.write_bytes(body)
        begin_s = time.monotonic()
        outcome = _outcome(target.read)
        report.timed(number, time.monotonic() - begin_s, body)
        report.cases += 1
        report.outcomes[outcome.partition(":")[0]] += 1
        if outcome.startswith("FAILED"):
            report.failed(number, outcome, body)
    target.path.write_bytes(target.sound[0])
    return report


def _damage(target: FileTarget, sound: bytes, rng: random.Random) -> bytes:
    if target.odd is None or rng.random() < 0.5:
        return damaged(sound, rng, target.sound)
    try:
        return target.odd(sound, rng)
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return damaged(sound, rng, target.sound)  # the format cannot hold that value


def _outcome(read: Callable[[], Any]) -> str:
    try:
        read()
    except (DartStreamError, UserError) as error:
        if "\n" in str(error):
            return f"FAILED: not one line: {error}"
        return "refused"
    except (Exception, RecursionError, SystemExit) as error:  # noqa: BLE001  # it is what is sought
        return f"FAILED: {type(error).__name__}: {error}"
    return "read"


def _packed(record: Any) -> bytes:
    packed: bytes = msgpack.packb(record)
    return packed
