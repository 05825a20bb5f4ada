"""What the hub asks its driver to do."""

from dataclasses import dataclass
from typing import Any

from pipeline.messages import HubMessage


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message to a child."""

    peer: str
    message: HubMessage
    blob: bytes = b""


@dataclass(frozen=True, slots=True)
class Kill:
    """End a child at once; its death is then reported like any other."""

    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should see; stays in the summary."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something the recording keeps."""

    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """A policy is in force from here on; its number must outlive the run before it is named."""

    version: int
    body: dict[str, Any]
    by_hand: bool = False
    """A person chose it, not the adapter."""


@dataclass(frozen=True, slots=True)
class Retired:
    """A source that was to leave is drained, its end recorded, its reader gone."""

    name: str


Action = Send | Kill | Alarm | Note | NewPolicy | Retired
