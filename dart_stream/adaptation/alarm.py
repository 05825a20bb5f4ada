"""What a controller says when the stream is no longer what it was."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

AlarmKind = Literal["pixels", "confidence", "difficulty", "audits", "classes", "promise", "source"]

ALARM_KINDS: Final[tuple[str, ...]] = get_args(AlarmKind)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm.

    Attributes:
        at: number of the region, counted from 0 over all sources.
        kind: what changed: pixel features, confidence of exit 0, mass of the difficulty at 0 and
            1, disagreement of audits, the mix of classes; or `promise`: it cannot be kept; or
            `source`: the stream was broken, as somebody else could see.
        words: one line for a person.
    """

    at: int
    kind: AlarmKind
    words: str
