"""Decoders in hardware: which one is there, and what is used instead."""

from dataclasses import dataclass
from typing import Final

from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.error import FFmpegError

from pipeline.errors import ConfigError

OFF: Final = "off"
AUTO: Final = "auto"
_PROBE_CODEC: Final = "h264"
"""Every device that decodes video at all decodes this."""


def check_hardware(wanted: str) -> None:
    """Raise ConfigError when this FFmpeg was built without such a decoder."""
    known = [OFF, AUTO, *hwdevices_available()]
    if wanted not in known:
        raise ConfigError(f"hwaccel: expected one of {', '.join(known)}, got {wanted!r}")


@dataclass(frozen=True, slots=True)
class Hardware:
    """What there is to decode with."""

    accelerator: HWAccel | None
    """None decodes in software."""
    name: str | None
    """Of the kind of device."""
    missed: tuple[str, ...] = ()
    """Kinds that were asked for and have no usable device."""


def find_hardware(wanted: str) -> Hardware:
    """The device to decode with.

    Args:
        wanted: `off`, `auto` (the first that works) or the name of one kind of device.
    """
    if wanted == OFF:
        return Hardware(None, None)
    kinds = hwdevices_available() if wanted == AUTO else [wanted]
    for kind in kinds:
        accelerator = HWAccel(kind, allow_software_fallback=True)
        if _works(accelerator):
            return Hardware(accelerator, kind)
    return Hardware(None, None, tuple(kinds))


def decoding(found: Hardware, *, is_used: bool) -> str:
    """In words, what decodes.

    Args:
        found: What there was.
        is_used: Whether the decoder of this codec has taken it.
    """
    if found.name is None:
        tried = f" (no usable device among {', '.join(found.missed)})" if found.missed else ""
        return f"in software{tried}"
    return f"on {found.name}" if is_used else f"in software ({found.name} has no such decoder)"


def _works(accelerator: HWAccel) -> bool:
    """A device is made without a camera: a camera may allow few connections."""
    try:
        accelerator.create(Codec(_PROBE_CODEC, "r"))
    except (FFmpegError, NotImplementedError, ValueError):
        return False
    return True
