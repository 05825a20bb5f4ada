"""The cheapest policy whose disagreement is bounded, not merely estimated.

Reference: fixed-sequence testing, Angelopoulos et al., "Learn then Test", 2021; walked from safe to
aggressive as "Fast yet Safe" (Jazbec et al., 2024) does for one threshold.

Differs from the paper: candidates are vectors of thresholds, `candidates.safe_to_aggressive`.
"""

from collections.abc import Sequence

from dart_stream.exit_table import ExitTable
from dart_stream.metrics import clopper_pearson_upper
from dart_stream.policies import DartPolicy, replay
from dart_stream.thresholds.point import FrontierPoint


def walk(
    candidates: Sequence[FrontierPoint],
    full: FrontierPoint,
    held_out: ExitTable,
    max_disagreement: float,
    confidence: float,
) -> FrontierPoint:
    """Go from the safest candidate towards cheaper ones as long as the bound holds.

    Each is tested only if all safer ones passed, so no correction for their number is due: the
    chosen one's true disagreement exceeds the limit with probability 1 - confidence at most, for
    pictures drawn like the held-out ones.

    Args:
        candidates: from safe to aggressive, put in that order on other pictures.
        full: the network without early exits, taken if not even the safest passes.
        held_out: pictures to test on.
        max_disagreement: share of answers that may differ from the full network's.
        confidence: of the bound.
    """
    chosen = full
    for point in candidates:
        if disagreement_bound(point, held_out, confidence) > max_disagreement:
            break
        chosen = point
    return chosen


def disagreement_bound(point: FrontierPoint, held_out: ExitTable, confidence: float) -> float:
    """Clopper-Pearson upper bound of the share answered unlike the full network."""
    policy = DartPolicy(thresholds=point.thresholds, beta=point.beta)
    exits = replay(policy, held_out.probabilities, held_out.difficulty)
    differ = int((~held_out.agrees[range(len(exits)), exits]).sum())
    return clopper_pearson_upper(differ, len(exits), confidence)
