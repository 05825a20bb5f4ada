"""What readers of a recording rely on in its records; anything else in them is passed over."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from pipeline.messages import Count, FrameNumber, Number

SourceNumber = Annotated[int, Meta(ge=0, le=65_535)]
_UnixTime = Annotated[float, Meta(ge=0, le=1e11)]
"""Until the year 5138; what lies beyond no calendar can write."""
_Limit = Annotated[float, Meta(ge=0, le=1)]


class _Inner(msgspec.Struct, frozen=True):
    kind: str
    thresholds: list[Number | None] = []
    coefficients: list[list[Number]] = []


class _Body(_Inner, frozen=True):
    policy: _Inner | None = None


class _Record(msgspec.Struct, frozen=True):
    kind: str
    time_s: _UnixTime


class _Policy(_Record, frozen=True):
    version: Count
    body: _Body
    rows: dict[str, _Body] = {}
    by_hand: bool = False


class _Batch(_Record, frozen=True):
    worker: str
    policy_version: Count
    regions: list[tuple[SourceNumber, FrameNumber, Count]]


class _Gap(_Record, frozen=True):
    records: Count


class _Segment(_Record, frozen=True):
    host: dict[str, Any] = {}
    versions: dict[str, Any] = {}


class _Settings(msgspec.Struct, frozen=True):
    epsilon: _Limit


class _State(msgspec.Struct, frozen=True):
    settings: _Settings | None = None


class _Adapter(_Record, frozen=True):
    state: _State | None


class _Retune(_Record, frozen=True):
    settings: _Settings


class _Reset(_Record, frozen=True):
    source: str | None = None


_KINDS: Final[dict[str, type[_Record]]] = {
    "policy": _Policy,
    "batch": _Batch,
    "gap": _Gap,
    "segment": _Segment,
    "adapter": _Adapter,
    "retune": _Retune,
    "reset": _Reset,
}


def check_record(found: Any) -> None:
    """Refuse what is no record: bytes that happen to be MessagePack are none yet.

    Raises:
        ValueError: It is none, or lacks what its kind has.
    """
    if not (isinstance(found, dict) and isinstance(found.get("kind"), str)):
        raise ValueError("what follows is no record")  # noqa: TRY004  # as of any other damage
    try:
        msgspec.convert(found, _KINDS.get(found["kind"], _Record))
    except msgspec.ValidationError as error:
        raise ValueError(f"what follows is no record: {error}") from error
