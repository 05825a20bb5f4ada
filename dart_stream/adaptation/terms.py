"""What a controller of mode `dart` was made with and never changes."""

from dataclasses import dataclass
from math import log

from dart_stream.adaptation.cusum import SUMS_PER_SIGNAL, Cusums
from dart_stream.adaptation.plan import Plan
from dart_stream.adaptation.settings import DartSettings
from dart_stream.adaptation.signals import SIGNALS

_OTHER_SUMS = 3
"""Two ends of difficulty, one class mix."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The promise and the means to keep it.

    Attributes:
        plan: from calibration pictures.
        settings: which parts run.
        epsilon: largest share of answers that may differ from full depth.
        delta: chance of ever releasing a policy above it, per epoch.
        seed: of the choice of calibration pictures for another class mix.
        home: detectors of a stream like the calibration pictures, their sums at 0.
    """

    plan: Plan
    settings: DartSettings
    epsilon: float
    delta: float
    seed: int
    home: Cusums

    @property
    def level(self) -> float:
        """Of all label-free sums, in nats: together one false alarm in so many clean regions."""
        sums = len(SIGNALS) * SUMS_PER_SIGNAL + _OTHER_SUMS
        return log(self.settings.clean_regions_per_false_alarm * sums)

    @property
    def audit_level(self) -> float:
        """Of the sum over audits: no more false alarms than each of the others."""
        regions = self.settings.clean_regions_per_false_alarm * (_OTHER_SUMS + 1)
        return log(max(2.0, regions * self.settings.audit_probability))
