"""What steers a running pipeline: commands, their replies, and their bytes."""

import re
from typing import Any, Final

import msgspec

from pipeline.errors import PeerError
from pipeline.messages import Count, FrameNumber

MAX_COMMAND_BYTES: Final = 64 << 10


class Command(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    """Base of all commands. Field order is the wire format."""


class Pause(Command, frozen=True):
    """Take no new frames; what was accepted is finished."""


class Resume(Command, frozen=True):
    """Take frames again."""


class Freeze(Command, frozen=True):
    """Keep the policy as it is; audits go on."""


class Unfreeze(Command, frozen=True):
    """Let adaptation go on, from no evidence."""


class Rollback(Command, frozen=True):
    """Put the policy before the last change in force again, and freeze."""


class Stop(Command, frozen=True):
    """Drain and end, as Ctrl-C does."""


class Set(Command, frozen=True):
    """Change a setting."""

    key: str
    """Path in the configuration."""
    value: float


class Label(Command, frozen=True):
    """Say what a region of late really showed."""

    source: str
    frame: FrameNumber
    region: Count
    label: str


class SourceAdd(Command, frozen=True):
    """Read another source."""

    name: str
    settings: list[str]
    """`key=value`, as below `sources.NAME` in a configuration; the value is YAML."""


class SourceChange(Command, frozen=True):
    """Stop a source and start it again with other settings; those not named stay."""

    name: str
    settings: list[str]


class SourceRemove(Command, frozen=True):
    """Read a source no more; what was accepted is finished."""

    name: str


class Reload(Command, frozen=True):
    """Read the configuration file again and do what it says of sources, as SIGHUP does."""


SourceCommand = SourceAdd | SourceChange | SourceRemove | Reload
AnyCommand = Pause | Resume | Freeze | Unfreeze | Rollback | Stop | Set | Label | SourceCommand


def command_words(command: AnyCommand) -> str:
    """What a person would call it: `source add`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(command).__name__).lower()


class Request(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A command, numbered by whoever asks."""

    number: int
    command: AnyCommand


class Reply(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What became of a command."""

    number: int
    ok: bool
    text: str
    """One line for a person."""


def encode_command(message: Request | Reply) -> bytes:
    """Write a request or a reply."""
    return msgspec.msgpack.encode(message)


def decode_request(body: bytes) -> Request:
    """Read a request.

    Raises:
        PeerError: it is none.
    """
    request: Request = _decode(body, _REQUESTS)
    return request


def decode_reply(body: bytes) -> Reply:
    """Read a reply.

    Raises:
        PeerError: it is none.
    """
    reply: Reply = _decode(body, _REPLIES)
    return reply


def _decode(body: bytes, decoder: msgspec.msgpack.Decoder[Any]) -> Any:
    if len(body) > MAX_COMMAND_BYTES:
        raise PeerError(f"command: at most {MAX_COMMAND_BYTES} bytes allowed, got {len(body)}")
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise PeerError(f"command: {error}") from error


_REQUESTS: Final = msgspec.msgpack.Decoder(Request)
_REPLIES: Final = msgspec.msgpack.Decoder(Reply)
