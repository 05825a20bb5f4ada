"""Which of the released rungs is deployed.

Reference: DART Eq. 15's "without UCB, deterministic adaptation from the same window".
Differs from the paper: what may be chosen was proved before; the window can only hold back.
"""

from dart_stream.adaptation.evidence import Evidence

_PATIENCE = 100
"""Regions before a more aggressive rung follows another change; a safer one follows at once."""


def most_aggressive(evidence: Evidence, epsilon: float, margin: float) -> int:
    """The last released rung that still looks safe; -1, full depth, if none does.

    Args:
        evidence: of the epoch.
        epsilon: the limit.
        margin: share of it that a rung may look like.
    """
    rates = evidence.rates()
    for rung in range(evidence.released - 1, -1, -1):
        if rates[rung] <= margin * epsilon:
            return rung
    return -1


def next_rung(wanted: int, deployed: int, regions_since: int) -> int:
    """Follow at once to a safer rung or out of full depth, slowly to a more aggressive one."""
    hurry = wanted < deployed or deployed < 0
    return wanted if hurry or regions_since >= _PATIENCE else deployed
