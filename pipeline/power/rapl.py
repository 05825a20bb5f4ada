"""Processors through RAPL: the energy counters of Intel and AMD that Linux shows as powercap zones.

Zones nest: `intel-rapl:0` is a processor package, `intel-rapl:0:0` (core, uncore) a part of it that
must not be counted again. Memory (`dram`) is a sub-zone by place only: the package's counter leaves
it out, so it is added. `psys` is the whole platform with the packages in it and is left out;
`intel-rapl-mmio:*` shows the same packages a second time and is left out, too.
"""

import re
from pathlib import Path

from pipeline.power.energy import CounterEnergy, add
from pipeline.power.sensor import Reading, SensorError
from pipeline.power.sysfs import read_int, read_text

_ZONE = re.compile(r"intel-rapl:\d+(:\d+)?")


class RaplSensor:
    """All packages and their memory, summed.

    Args:
        sysfs: The folder that is /sys.

    Raises:
        SensorError: There are no zones, or they may not be read (root only by default).
    """

    def __init__(self, sysfs: Path) -> None:
        folder = sysfs / "class" / "powercap"
        zones = {zone: read_text(zone / "name") for zone in _zones(folder)}
        counted = {zone: name for zone, name in zones.items() if _counts(name)}
        if not any(name.startswith("package") for name in counted.values()):
            raise SensorError(f"{folder} has no intel-rapl package")
        self._counters: dict[Path, CounterEnergy] = {}
        for zone in counted:
            read_int(zone / "energy_uj")
            self._counters[zone] = CounterEnergy(read_int(zone / "max_energy_range_uj") / 1e6)
        self.name = "RAPL" if "dram" not in counted.values() else "RAPL with DRAM"
        self.note = ", ".join(f"{zone.name} {name}" for zone, name in counted.items())

    def read(self, now_s: float) -> Reading:
        """Sum of the zones; one that cannot be read makes the sum unknown."""
        return add(
            [
                counter.update(now_s, read_int(zone / "energy_uj") / 1e6)
                for zone, counter in self._counters.items()
            ]
        )

    def close(self) -> None:
        """Nothing is held open."""


def _zones(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _ZONE.fullmatch(path.name))
    except OSError as error:
        raise SensorError(f"{folder}: {error.strerror}") from error


def _counts(name: str) -> bool:
    return name.startswith("package") or name == "dram"
