"""When the promise cannot be kept, and has to be taken back in words."""

from typing import Final

from dart_stream.adaptation.memory import DartMemory

_MANY_REPEATS: Final = 0.8
"""Then 1,000 regions are fewer than 200 scenes, and a share of 2 % of them is four."""

_LONG: Final = 1000
"""Audits after which something should have been released."""

_RESTLESS_MIXES: Final = 3
_RESTLESS_REGIONS: Final = 3000


def broken_promise(memory: DartMemory) -> str:
    """Return the reason in words; empty if there is none."""
    if memory.scenes.repeats > _MANY_REPEATS:
        return (
            "most regions repeat the one before: what happens in 1,000 regions depends on a few "
            "scenes, so that the limit holds on average only"
        )
    if memory.rung < 0 and memory.burst is None and memory.evidence.audits > _LONG:
        return "no early exit agrees with full depth often enough: everything runs to full depth"
    mixes = [alarm for alarm in memory.alarms[-20:] if alarm.kind == "classes"]
    if len(mixes) >= _RESTLESS_MIXES:
        since = mixes[-_RESTLESS_MIXES].at
        if memory.regions - since < _RESTLESS_REGIONS:
            return "the mix of classes keeps changing: the limit holds for its average only"
    return ""
