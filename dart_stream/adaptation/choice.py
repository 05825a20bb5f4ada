"""Which of the released rungs is deployed.

Reference: DART Eq. 15's "without UCB, deterministic adaptation from the same window".
Differs from the paper: what may be chosen was proved before; the window can only hold back.
"""

from dart_stream.adaptation.evidence import Evidence
from dart_stream.adaptation.settings import DartSettings

_PATIENCE = 100
"""Regions before a more aggressive rung follows another change; a safer one follows at once."""


def most_aggressive(
    evidence: Evidence, recent: list[float], epsilon: float, settings: DartSettings
) -> int:
    """The last released rung that still looks safe; -1, full depth, if none does.

    Args:
        evidence: of the epoch.
        recent: rate of each rung on audits of late.
        epsilon: the limit.
        settings: margins.
    """
    rates = evidence.rates()
    for rung in range(evidence.released - 1, -1, -1):
        looks_safe = rates[rung] <= settings.margin * epsilon
        lately = recent[rung] <= settings.recent_margin * epsilon or not settings.caution
        if looks_safe and lately:
            return rung
    return -1


def next_rung(wanted: int, deployed: int, regions_since: int) -> int:
    """Follow at once to a safer rung or out of full depth, slowly to a more aggressive one."""
    hurry = wanted < deployed or deployed < 0
    return wanted if hurry or regions_since >= _PATIENCE else deployed
