"""All kinds of faults; one that joins them gets the contract suite."""

from typing import Final

from pipeline.chaos.clock import ClockStep
from pipeline.chaos.fault import Fault
from pipeline.chaos.flood import Flood
from pipeline.chaos.full import DiskFull, SharedMemoryFull
from pipeline.chaos.signals import Kill, Slow, Stop

FAULTS: Final[dict[str, Fault]] = {
    fault.kind: fault
    for fault in (
        Kill(),
        Stop(),
        Slow(),
        DiskFull(),
        SharedMemoryFull(),
        ClockStep(),
        Flood(),
    )
}
