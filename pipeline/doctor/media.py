"""Codecs, webcams and power sensors."""

import os
from pathlib import Path
from typing import Final, Literal

from pipeline.doctor.check import Check
from pipeline.power import PowerMeter

DECODERS: Final = ("h264", "hevc")
ENCODERS: Final = ("libx264",)


def codecs() -> Check:
    """Decoders for what cameras send, and an encoder for recordings."""
    import av

    missing_decoders = [name for name in DECODERS if not _has(name, "r")]
    missing_encoders = [name for name in ENCODERS if not _has(name, "w")]
    version = f"PyAV {av.__version__}"
    advice = "pip install av from a wheel; its FFmpeg has these"
    if missing_decoders:
        return Check("codecs", f"{version}, no decoder {missing_decoders[0]}", "fail", advice)
    if missing_encoders:
        return Check("codecs", f"{version}, no encoder {missing_encoders[0]}", "warn", advice)
    return Check("codecs", f"{version}: decodes {', '.join(DECODERS)}; encodes {ENCODERS[0]}")


def webcams(devices: Path = Path("/dev")) -> Check:
    """Cameras at this machine; none is no fault."""
    present = sorted(devices.glob("video*"))
    if not present:
        return Check("webcams", "none")
    closed = [path for path in present if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        advice = "add this user to the group video"
        return Check("webcams", f"{closed[0]} may not be opened", "warn", advice)
    return Check("webcams", ", ".join(map(str, present)))


def power() -> Check:
    """Which sensors measure energy; without any it is reported as not measured."""
    meter = PowerMeter()
    try:
        findings = meter.describe()
    finally:
        meter.close()
    used = [f"{finding.kind} ({finding.detail})" for finding in findings if finding.used]
    if used:
        return Check("power", "; ".join(used))
    reasons = "; ".join(f"{finding.kind}: {finding.detail}" for finding in findings)
    advice = "only if energy matters: let this user read /sys/class/powercap/*/energy_uj"
    return Check("power", f"not measured ({reasons})", "warn", advice)


def _has(name: str, mode: Literal["r", "w"]) -> bool:
    import av

    try:
        av.codec.Codec(name, mode)
    except av.codec.codec.UnknownCodecError:
        return False
    return True
