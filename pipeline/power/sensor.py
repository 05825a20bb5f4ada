"""What a sensor of power is to the meter."""

from typing import NamedTuple, Protocol


class Reading(NamedTuple):
    """One reading; None stands for unknown, never for zero."""

    power_w: float | None
    """Watts now."""
    energy_j: float | None
    """Joules since the first reading of this sensor."""


class SensorError(Exception):
    """A sensor is absent or gives no value; the text is one line that says why."""


class Sensor(Protocol):
    """A sensor that was found. Opening one raises `SensorError` where there is none."""

    name: str
    """What is measured, as shown to a person."""
    note: str
    """What was found, for `doctor`."""

    def read(self, now_s: float) -> Reading:
        """Read at monotonic time `now_s`; `SensorError` if there is no value this time."""
        ...

    def close(self) -> None:
        """Let go of the sensor."""
        ...
