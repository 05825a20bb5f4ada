"""One meter over the sensors that this machine has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from pipeline.power.board import BoardSensor
from pipeline.power.energy import add
from pipeline.power.nvml import NvmlSensor
from pipeline.power.rapl import RaplSensor
from pipeline.power.sensor import Reading, Sensor, SensorError
from pipeline.snapshot import PowerSnap

SYSFS: Final = Path("/sys")


class Finding(NamedTuple):
    """What became of the search for one kind of sensor."""

    kind: str
    found: bool
    used: bool
    """False also for a sensor that would count twice what another one measures."""
    detail: str
    """What was found, or why nothing was; one line."""


class PowerMeter:
    """Watts and joules of this machine since the first sample, with the name of their source.

    A board's own monitor measures processor and GPU together and is used alone; otherwise the GPUs
    (NVML) and the processors (RAPL) are summed. All of the machine's power is counted, whoever
    uses it. Opening may take seconds while a driver wakes; `sample` reads a few small files.

    Args:
        sysfs: The folder that is /sys.
        nvml: A stand-in for the module `pynvml`; None takes the real one.
    """

    def __init__(self, sysfs: Path = SYSFS, nvml: Any | None = None) -> None:
        self._findings: list[Finding] = []
        self._failures: dict[str, str] = {}
        self._sensors: list[Sensor] = []
        board = self._search("board", lambda: BoardSensor(sysfs), double=False)
        self._search("NVML", lambda: NvmlSensor(nvml), double=board)
        self._search("RAPL", lambda: RaplSensor(sysfs), double=board)

    @property
    def reason(self) -> str | None:
        """Why something is not measured, in one line; None while all sensors in use answer."""
        if self._failures:
            return "; ".join(f"{name}: {text}" for name, text in self._failures.items())
        if self._sensors:
            return None
        return "; ".join(f"{finding.kind}: {finding.detail}" for finding in self._findings)

    @property
    def source(self) -> str | None:
        """Names of the sensors in use; None if there is none."""
        return " + ".join(sensor.name for sensor in self._sensors) or None

    def sample(self, now_s: float) -> PowerSnap:
        """Read every sensor at monotonic time `now_s`, in seconds; never raises for a sensor.

        A sensor that fails is left out of this sample's sum and name, and `reason` says why.
        """
        readings: dict[str, Reading] = {}
        for sensor in self._sensors:
            try:
                readings[sensor.name] = sensor.read(now_s)
            except SensorError as error:
                self._failures[sensor.name] = str(error)
            else:
                self._failures.pop(sensor.name, None)
        total = add(list(readings.values()))
        if total == Reading(None, None):
            return PowerSnap()
        return PowerSnap(
            power_w=total.power_w, energy_j=total.energy_j, source=" + ".join(readings)
        )

    def describe(self) -> list[Finding]:
        """What was looked for, what was found, and why not, for `doctor`."""
        return list(self._findings)

    def close(self) -> None:
        """Let go of the sensors; later samples are not measured."""
        for sensor in self._sensors:
            sensor.close()
        self._sensors = []

    def _search(self, kind: str, open_sensor: Callable[[], Sensor], *, double: bool) -> bool:
        """Open a sensor and use it, unless it would count the same joules a second time."""
        try:
            sensor = open_sensor()
        except SensorError as error:
            self._findings.append(Finding(kind, found=False, used=False, detail=str(error)))
            return False
        detail = (
            f"{sensor.note} (not used: in the board's total already)" if double else sensor.note
        )
        self._findings.append(Finding(kind, found=True, used=not double, detail=detail))
        if double:
            sensor.close()
        else:
            self._sensors.append(sensor)
        return True
