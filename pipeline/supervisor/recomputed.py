"""From a recording to the policies that its adapter made: the same, bit for bit."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgpack

from pipeline.stages.hub import Adapter

_LEARNED: Final = frozenset({"seen", "reset", "retune", "seen_end"})


@dataclass(slots=True)
class Recomputed:
    """Bodies of policies in order.

    Attributes:
        recorded: as the run named them.
        again: as they come out now.
        is_whole: the recording holds all that the adapter has seen.
    """

    recorded: list[dict[str, Any]] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)
    is_whole: bool = True


def read_telemetry(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of `telemetry.mpk`; half a one at its end is left out."""
    with path.open("rb") as stream:
        yield from msgpack.Unpacker(stream, raw=False)


def recompute(records: Iterable[dict[str, Any]], make: Callable[[], Adapter]) -> Recomputed:
    """Feed a recording to a new adapter, one for each part of a run that was resumed.

    Args:
        records: of `telemetry.mpk`.
        make: a fresh adapter of the same model and configuration.

    Raises:
        DataError: the model or the configuration is another one.
    """
    found = Recomputed()
    adapter, known, is_held = None, None, False
    for note in chain(records, [{"kind": "end"}]):
        if note["kind"] in _LEARNED and adapter is not None:
            adapter.replay(note)
            is_held &= note["kind"] != "reset" or note["source"] is not None
            found.is_whole &= note["kind"] != "seen_end"
            continue
        # A run numbers a policy when a whole batch is learned from, and so does this.
        if adapter is not None and adapter.policy is not known and not is_held:
            known = adapter.policy
            found.again.append(known.to_dict())
        if note["kind"] == "policy" and not note.get("by_hand"):
            found.recorded.append(note["body"])
        elif note["kind"] == "hold":
            is_held = True
        elif note["kind"] == "adapter":
            adapter, known, is_held = make(), None, False
            adapter.restore(note["state"])
    return found
