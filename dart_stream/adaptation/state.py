"""What a controller remembers, as plain numbers, and back; a damaged state is refused.

Memories are typed structures, so a field too few, too many or of the wrong kind is found when it
is read; a number changed by accident is found by the checksum.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from dart_stream.errors import DataError
from dart_stream.exit_table import ExitTable

FORMAT_VERSION: Final = 1
_KEYS: Final = {"format_version", "controller", "calibration", "checksum", "memory"}
Memory = TypeVar("Memory")


def fingerprint(table: ExitTable) -> int:
    """A number that another model or another set of calibration pictures does not have."""
    head = repr((table.logits.shape, table.temperatures, table.classes)).encode()
    logits = np.ascontiguousarray(table.logits[:: max(1, len(table) // 256)])
    return zlib.crc32(logits.tobytes(), zlib.crc32(head))


def write_state(memory: Any, controller: str, calibration: int) -> dict[str, Any]:
    """Return a memory with what is needed to know it again."""
    body = msgspec.to_builtins(memory)
    return {
        "format_version": FORMAT_VERSION,
        "controller": controller,
        "calibration": calibration,
        "checksum": _checksum(body),
        "memory": body,
    }


def read_state(
    state: Mapping[str, Any], kind: type[Memory], controller: str, calibration: int
) -> Memory:
    """Return the memory.

    Args:
        state: what `write_state` returned, perhaps after a journey through JSON or MessagePack.
        kind: of the memory.
        controller: name that must have written it.
        calibration: fingerprint that it must have been written with.

    Raises:
        DataError: damaged, of another version, controller or model.
    """
    if not isinstance(state, Mapping) or set(state) != _KEYS:
        found = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        raise DataError(f"adapter state: expected keys {sorted(_KEYS)}, got {found}")
    for key, expected, hint in (
        ("format_version", FORMAT_VERSION, "was it written by another version?"),
        ("controller", controller, "was it written in another mode?"),
        ("calibration", calibration, "was it written with another model?"),
    ):
        if state[key] != expected:
            raise DataError(f"adapter state: {key}: expected {expected}, got {state[key]} ({hint})")
    try:
        if _checksum(state["memory"]) != state["checksum"]:
            raise DataError(
                "adapter state: expected its memory to fit its checksum "
                f"{state['checksum']}, it does not (was it edited or cut short?)"
            )
        return msgspec.convert(state["memory"], kind)
    except (TypeError, msgspec.ValidationError) as error:
        raise DataError(f"adapter state: memory: {error} (is it damaged?)") from error


def _checksum(body: Any) -> int:
    return zlib.crc32(msgspec.json.encode(body, order="deterministic"))
