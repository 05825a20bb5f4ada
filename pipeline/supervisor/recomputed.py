"""From a recording to the policies that its adapter made: the same, bit for bit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from dart_stream.errors import DataError
from pipeline.recording.source_names import source_names
from pipeline.stages.hub import Adapter

_LEARNED: Final = frozenset({"seen", "reset", "retune"})
_GAPS: Final = frozenset({"gap", "seen_end"})
"""Where records are missing; runs up to version 0.1 wrote the latter."""


@dataclass(slots=True)
class Recomputed:
    """Bodies of policies in order.

    Attributes:
        recorded: as the run named them.
        again: as they come out now.
        is_whole: the recording holds all that the adapter has seen.
        failure: why an adapter could not go on, if so.
    """

    recorded: list[dict[str, Any]] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)
    is_whole: bool = True
    failure: str | None = None

    def forget_unrecorded(self) -> None:
        """At the end of a part, whose last policy may have found no room or lost its writer."""
        if len(self.again) == len(self.recorded) + 1:
            self.again.pop()


def recompute(records: Iterable[dict[str, Any]], make: Callable[[], Adapter]) -> Recomputed:
    """Feed a recording to new adapters: one a segment, and one a part of a run that was resumed.

    Args:
        records: of a recording, from the beginning of any segment on.
        make: a fresh adapter of the same model and configuration.

    Raises:
        DataError: the model or the configuration is another one.
    """
    found = Recomputed()
    adapter, known, is_held = None, None, False
    names: list[str] | None = None
    for note in chain(records, [{"kind": "end"}]):
        kind = note["kind"]
        names = _told(note, adapter, names)
        if kind in _LEARNED and adapter is not None:
            adapter.replay(note)
            found.failure = found.failure or adapter.failure
            if kind == "reset" and note.get("source") is None:  # a person lets it go on
                known, is_held = adapter.policy, False
            continue
        is_held |= kind == "hold"
        # A run numbers a policy when a whole batch is learned from, and so does this.
        if adapter is not None and adapter.policy is not known and not is_held:
            known = adapter.policy
            found.again.append(known.to_dict())
        if kind == "policy" and adapter is not None and not note.get("by_hand"):
            found.recorded.append(_body(note))
        elif kind in _GAPS:
            found.is_whole = False
        if kind in {"adapter", "end"}:
            found.forget_unrecorded()
        if kind == "adapter":
            adapter, known, is_held = _begin(note.get("state"), make, names), None, False
    return found


def _told(
    note: dict[str, Any], adapter: Adapter | None, known: list[str] | None
) -> list[str] | None:
    """The names of the sources by number, after a record that may say them."""
    names = source_names(note)
    if names is None:
        return known
    if adapter is not None:
        adapter.know(names)
    return names


def _body(note: dict[str, Any]) -> dict[str, Any]:
    body = note.get("body")
    if not isinstance(body, dict):
        raise DataError(f"recording: policy {note.get('version')!r}: expected a body, got {body!r}")
    return body


def _begin(
    state: dict[str, Any] | None, make: Callable[[], Adapter], names: list[str] | None
) -> Adapter | None:
    """An adapter that goes on from a state; None where the policy was frozen by then."""
    if state is None:
        return None
    adapter = make()
    if names is not None:
        adapter.know(names)
    adapter.restore(state, as_recorded=True)
    return adapter
