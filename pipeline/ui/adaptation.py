"""What adaptation has to say, in a few words."""

from pipeline.snapshot import AdaptationSnap
from pipeline.ui.figures import MISSING, percent, printable


def differs(snap: AdaptationSnap) -> str:
    """Estimate of disagreement with its bound and limit, or why there is none."""
    if snap.frozen is not None:
        return f"frozen: {printable(snap.frozen)}"
    limit = percent(snap.epsilon, 1)
    if snap.full_depth:
        return f"full depth (limit {limit})"
    if snap.upper is None:
        return f"{MISSING} of {limit}"
    return f"{percent(snap.estimate, 1)} up to {percent(snap.upper, 1)} of {limit}"
