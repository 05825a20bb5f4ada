"""Boards with a power monitor chip, above all Jetson: INA3221 and INA238 rails in hwmon.

Which rail is the whole board differs: POM_5V_IN (Nano), VDD_IN (TX2, Xavier NX, Orin Nano and NX),
the INA238 on VIN (Thor). AGX Xavier and AGX Orin have none (there VIN_SYS_5V0 is one rail of
several), so their rails are summed and the name says so; what runs past the monitored rails, such
as the carrier board, is not in that sum.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.power.energy import IntegratedEnergy
from pipeline.power.sensor import Reading, SensorError
from pipeline.power.sysfs import read_int, read_text

TOTAL_RAILS: Final = ("VIN", "VDD_IN", "POM_5V_IN")
"""Labels of rails that carry the whole board, or the whole module."""
_CHIPS: Final = ("ina3221", "ina238")
_LABEL = re.compile(r"in(\d+)_label")


class BoardSensor:
    """The board's total rail, or the sum of its rails where it has none.

    Args:
        sysfs: The folder that is /sys.

    Raises:
        SensorError: No such chip is there, or its rails cannot be read.
    """

    def __init__(self, sysfs: Path) -> None:
        folder = sysfs / "class" / "hwmon"
        rails, refusals = _answering([rail for chip in _chips(folder) for rail in _rails(chip)])
        if not rails:
            missing = f"{folder} has no {' or '.join(_CHIPS).upper()} with a rail"
            raise SensorError("; ".join(refusals) or missing)
        totals = sorted(
            (rail for rail in rails if rail.label in TOTAL_RAILS),
            key=lambda rail: TOTAL_RAILS.index(rail.label),
        )
        self._rails = totals[:1] or rails
        self.name = f"board {totals[0].label}" if totals else f"sum of {len(rails)} board rails"
        self.note = ", ".join([*(f"{rail.chip} {rail.label}" for rail in rails), *refusals])
        self._energy = IntegratedEnergy()

    def read(self, now_s: float) -> Reading:
        """Watts of the rails now, integrated."""
        return self._energy.update(now_s, sum(rail.power_w() for rail in self._rails))

    def close(self) -> None:
        """Nothing is held open."""


class _Rail(NamedTuple):
    """One measured wire."""

    folder: Path
    channel: int
    label: str
    chip: str

    def power_w(self) -> float:
        """Watts: the chip's own figure (in microwatts), else volts times amperes."""
        product = self.folder / f"power{self.channel}_input"
        if product.exists():
            return read_int(product) / 1e6
        voltage_mv = read_int(self.folder / f"in{self.channel}_input")
        current_ma = read_int(self.folder / f"curr{self.channel}_input")
        return voltage_mv * current_ma / 1e6


def _chips(folder: Path) -> list[Path]:
    try:
        monitors = sorted(folder.iterdir())
    except OSError as error:
        raise SensorError(f"{folder}: {error.strerror}") from error
    return [path for path in monitors if (path / "name").exists() and _chip(path) in _CHIPS]


def _chip(folder: Path) -> str:
    return read_text(folder / "name").lower()


def _answering(rails: list[_Rail]) -> tuple[list[_Rail], list[str]]:
    """The rails that can be read, and why the others cannot: a channel may be switched off."""
    answering: list[_Rail] = []
    refusals: list[str] = []
    for rail in rails:
        try:
            rail.power_w()
        except SensorError as error:
            refusals.append(f"{rail.label} not read: {error}")
        else:
            answering.append(rail)
    return answering, refusals


def _rails(folder: Path) -> list[_Rail]:
    """Labelled channels with a current; an INA238 has one channel and often no label."""
    chip = _chip(folder)
    rails = []
    for path in sorted(folder.iterdir()):
        match = _LABEL.fullmatch(path.name)
        if match is None or not (folder / f"curr{match[1]}_input").exists():
            continue
        label = read_text(path)
        # Channels without a wire are labelled NC; channel 7 is a sum of shunt voltages, not a rail.
        if label and label != "NC" and "sum of" not in label:
            rails.append(_Rail(folder, int(match[1]), label, chip))
    if not rails and chip == "ina238":
        rails.append(_Rail(folder, 1, "VIN", chip))
    return rails
