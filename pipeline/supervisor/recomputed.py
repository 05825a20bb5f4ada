"""From a recording to the policies that its adapter made: the same, bit for bit."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

from dart_stream.errors import DataError
from pipeline.stages.hub import Adapter
from pipeline.supervisor.recording import DAMAGED, unpacker

_LEARNED: Final = frozenset({"seen", "reset", "seen_end"})


@dataclass(slots=True)
class Recomputed:
    """Bodies of policies in order.

    Attributes:
        recorded: as the run named them.
        again: as they come out now.
        is_whole: the recording holds all that the adapter has seen.
        failure: why an adapter could not go on with what is recorded.
    """

    recorded: list[dict[str, Any]] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)
    is_whole: bool = True
    failure: str | None = None


def read_telemetry(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of `telemetry.mpk`; half a one at its end is left out.

    Raises:
        DataError: It cannot be read, or holds something else.
    """
    try:
        with path.open("rb") as stream:
            for number, note in enumerate(unpacker(stream, raw=False)):
                if not isinstance(note, dict) or not isinstance(note.get("kind"), str):
                    raise DataError(f"{path}: record {number}: expected a map with a kind")
                yield note
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except DAMAGED as error:
        words = " ".join(f"{type(error).__name__} {error}".split())
        raise DataError(f"{path}: expected MessagePack records, found damage: {words}") from error


def recompute(records: Iterable[dict[str, Any]], make: Callable[[], Adapter]) -> Recomputed:
    """Feed a recording to a new adapter, one for each part of a run that was resumed.

    Args:
        records: of `telemetry.mpk`.
        make: a fresh adapter of the same model and configuration.

    Raises:
        DataError: the model or the configuration is another one.
    """
    found = Recomputed()
    adapter, known = None, None
    for note in chain(records, [{"kind": "end"}]):
        if note["kind"] in _LEARNED and adapter is not None:
            adapter.replay(note)
            found.is_whole &= note["kind"] != "seen_end"
            found.failure = found.failure or adapter.failure
            continue
        # A run numbers a policy when a whole batch is learned from, and so does this.
        if adapter is not None and adapter.policy is not known:
            known = adapter.policy
            found.again.append(known.to_dict())
        if note["kind"] == "policy":
            found.recorded.append(_body(note))
        elif note["kind"] == "adapter":
            adapter, known = make(), None
            adapter.restore(note.get("state"))
    return found


def _body(note: dict[str, Any]) -> dict[str, Any]:
    body = note.get("body")
    if not isinstance(body, dict):
        raise DataError(f"recording: policy {note.get('version')!r}: expected a body, got {body!r}")
    return body
