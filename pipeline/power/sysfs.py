"""Values in files of /sys, with the reason in words when they cannot be had."""

from pathlib import Path

from pipeline.power.sensor import SensorError


def read_text(path: Path) -> str:
    """The stripped content of a sysfs file.

    Raises:
        SensorError: It is not there, or may not be read, or the driver gives an error.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    except PermissionError as error:
        raise SensorError(f"{path} is readable by root only") from error
    except OSError as error:
        raise SensorError(f"{path}: {error.strerror}") from error


def read_int(path: Path) -> int:
    """The integer in a sysfs file.

    Raises:
        SensorError: As `read_text`, or the content is no integer.
    """
    text = read_text(path)
    try:
        return int(text)
    except ValueError as error:
        raise SensorError(f"{path} holds {text[:20]!r}, not a number") from error
