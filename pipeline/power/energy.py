"""From raw values to joules: a hardware counter differenced, or watts integrated over time."""

from typing import Final

from pipeline.power.sensor import Reading

POWER_WINDOW_S: Final = 1.0
"""Counters tick every 20 to 100 ms, so watts over less than a second are mostly jitter."""
MAX_GAP_S: Final = 60.0
"""Across a longer gap, what happened to the power or how often a counter wrapped is a guess."""


class CounterEnergy:
    """Joules from an energy counter that may wrap.

    Args:
        range_j: The counter starts again from 0 after this many joules; None: it does not wrap,
            and one that goes back (a driver was reloaded) makes the energy unknown.
    """

    def __init__(self, range_j: float | None = None) -> None:
        self._range_j = range_j
        self._last: tuple[float, float] | None = None
        self._total_j = 0.0
        self._lost = False
        self._window: list[tuple[float, float]] = []

    def update(self, now_s: float, counter_j: float) -> Reading:
        """Take in the counter's value at `now_s`; the first one only sets the origin."""
        if self._last is None:
            self._last = (now_s, counter_j)
            self._window = [(now_s, 0.0)]
            return Reading(power_w=None, energy_j=None)
        last_s, last_j = self._last
        self._last = (now_s, counter_j)
        step_j = self._step(now_s - last_s, counter_j - last_j)
        if step_j is None:
            self._lost = True
            self._window = [(now_s, self._total_j)]
        else:
            self._total_j += step_j
            self._window.append((now_s, self._total_j))
        return Reading(self._power_w(), None if self._lost else self._total_j)

    def _step(self, gap_s: float, difference_j: float) -> float | None:
        """Joules of the last gap, None when the counter does not tell."""
        if self._range_j is None:
            return difference_j if difference_j >= 0 else None
        if gap_s > MAX_GAP_S:
            return None
        return difference_j if difference_j >= 0 else difference_j + self._range_j

    def _power_w(self) -> float | None:
        """Mean over the shortest kept span of at least `POWER_WINDOW_S`, or over what there is."""
        now_s, now_j = self._window[-1]
        while len(self._window) > 2 and now_s - self._window[1][0] >= POWER_WINDOW_S:
            del self._window[0]
        start_s, start_j = self._window[0]
        return (now_j - start_j) / (now_s - start_s) if now_s > start_s else None


class IntegratedEnergy:
    """Joules from watts by the trapezoid rule; unknown for good after a gap of `MAX_GAP_S`."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None
        self._total_j = 0.0
        self._lost = False

    def update(self, now_s: float, power_w: float) -> Reading:
        """Take in the watts at `now_s`; energy is known from the second value on."""
        if self._last is None:
            self._last = (now_s, power_w)
            return Reading(power_w, energy_j=None)
        last_s, last_w = self._last
        self._last = (now_s, power_w)
        if now_s - last_s > MAX_GAP_S:
            self._lost = True
        self._total_j += (now_s - last_s) * (last_w + power_w) / 2
        return Reading(power_w, None if self._lost else self._total_j)


def add(readings: list[Reading]) -> Reading:
    """The sum, in which one unknown part makes the whole unknown."""
    powers = [reading.power_w for reading in readings if reading.power_w is not None]
    energies = [reading.energy_j for reading in readings if reading.energy_j is not None]
    count = len(readings)
    return Reading(
        power_w=sum(powers) if count and len(powers) == count else None,
        energy_j=sum(energies) if count and len(energies) == count else None,
    )
